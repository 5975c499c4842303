package job

import (
	"fmt"
	"slices"

	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
)

// BOS says whether texts begin with the tokenizer's BOS.
type BOS int

// The answers. Auto is what a protocol says, and of one that says nothing the tokenizer.
const (
	AutoBOS BOS = iota
	AlwaysBOS
	NeverBOS
)

// bosNames are what flags call them.
var bosNames = []string{"auto", "always", "never"}

// String is the name. With Set and Type it makes a flag's value.
func (b BOS) String() string { return bosNames[b] }

// Set takes a name.
func (b *BOS) Set(name string) error {
	for i, n := range bosNames {
		if n == name {
			*b = BOS(i)
			return nil
		}
	}
	return fmt.Errorf("want auto, always or never")
}

// Type is what help calls the value.
func (b BOS) Type() string { return "string" }

// decide says whether there is a BOS; auto is what AutoBOS stands for. An error where there
// should be one and the tokenizer has none.
func (b BOS) decide(tok tokenizer.Tokenizer, auto bool) (bool, error) {
	switch {
	case b == NeverBOS || b == AutoBOS && !auto:
		return false, nil
	case tok.Vocab().BOS < 0:
		return false, Usage(fmt.Errorf("--bos %s: the tokenizer has no BOS; take --bos never", b))
	}
	return true, nil
}

// addsBOS is what a tokenizer says by itself.
func addsBOS(tok tokenizer.Tokenizer) bool { return tok.Vocab().AddBOS && tok.Vocab().BOS >= 0 }

// calibratesBehindBOS is what AutoBOS stands for in calibration: what the tokenizer says, but for
// the built-in model, whose scores stay those of all earlier versions.
func calibratesBehindBOS(m *load.Model, tok tokenizer.Tokenizer) bool {
	return m.Path != load.Builtin && addsBOS(tok)
}

// lacks says that rows have no BOS though the vocabulary's tokenizer adds one by itself, and nobody said
// that there should be none.
func (b BOS) lacks(v *tokenizer.Vocab, rows dataset.Rows) bool {
	return b == AutoBOS && v.AddBOS && v.BOS >= 0 && !slices.ContainsFunc(rows, func(ids []int32) bool { return len(ids) > 0 && int(ids[0]) == v.BOS })
}

// ofIDs is lacks of rows given as ids, in the file at path, which go without a tokenizer too. They are taken as they
// are: with AlwaysBOS an error where one does not begin with it.
func (b BOS) ofIDs(m *load.Model, rows dataset.Rows, path string) (lacks bool, err error) {
	v, err := m.Vocab()
	switch {
	case b != AlwaysBOS:
		return err == nil && b.lacks(v, rows), nil
	case err != nil || v.BOS < 0:
		return false, Usage(fmt.Errorf("--bos always: the model does not say which id BOS is; leave it out: rows of ids are taken as they are"))
	}
	for i, ids := range rows {
		if len(ids) > 0 && int(ids[0]) != v.BOS {
			return false, Input(fmt.Errorf("%s: row %d does not begin with BOS, %d, and --bos always does not put it there: rows of ids are taken as they are", path, i, v.BOS))
		}
	}
	return false, nil
}

// noteRows says where rows lack a BOS, and where they are longer than the model's context; calib is nil where there is none.
func noteRows(m *load.Model, calib *calibration, texts []text, progress Progress) {
	long := func(what string, rows dataset.Rows) {
		if n := rows.Longest(); n > m.Config.MaxPositions {
			progress.Note(fmt.Sprintf("%s: rows of %d tokens, though the model's context is %d: what it says behind that means little", what, n, m.Config.MaxPositions))
		}
	}
	if calib != nil {
		long("calibration", calib.rows)
		if calib.lacksBOS {
			progress.Note("calibration: " + idsLackBOS)
		}
	}
	for _, t := range texts {
		if t.docs == nil { // those are read in windows
			long("perplexity", t.rows)
		}
	}
	i := slices.IndexFunc(texts, func(t text) bool { return t.lacksBOS })
	switch {
	case i < 0:
	case texts[i].protocol.Name == "ids":
		progress.Note("perplexity: " + idsLackBOS)
	default:
		progress.Note(fmt.Sprintf("perplexity: %s, though the tokenizer adds one by itself; a model that cannot do without, such as Gemma, wants --bos always", texts[i].how()))
	}
}

// idsLackBOS is what is wrong with rows of ids that lack a BOS.
const idsLackBOS = "no row of ids begins with BOS, though the tokenizer adds one by itself; a model that cannot do without, such as Gemma, wants it in the rows; --bos never leaves this line out"

// rowsOf makes rows of seqLen tokens, of which BOS may be the first; cut makes rows of text.
func rowsOf(tok tokenizer.Tokenizer, bos bool, seqLen int, cut func(tokens int) (dataset.Rows, error)) (dataset.Rows, error) {
	if !bos {
		return cut(seqLen)
	}
	if seqLen < 3 {
		return nil, Usage(fmt.Errorf("rows of %d tokens: behind BOS at least 3 are needed; ask for more, or take --bos never", seqLen))
	}
	rows, err := cut(seqLen - 1)
	return rows.Behind(tok.Vocab().BOS), err
}

// BOSInWords says whether BOS was put before texts.
func BOSInWords(bos bool) string {
	if bos {
		return "behind BOS"
	}
	return "no BOS added"
}
