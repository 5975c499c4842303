package job

import (
	"errors"
	"fmt"
	"slices"

	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/load"
)

// TextOptions say on which texts perplexity is measured.
type TextOptions struct {
	Files     []NamedFile // none: the built-in held-out text
	IDs       string      // rows of token ids instead
	Protocol  string      // one of dataset.Protocols, "": rows of Seq
	Seq       int         // tokens a row
	MaxLength int         // tokens that a window of the rolling protocol reads at most, 0 for the model's
	Chunks    int         // rows or documents at most, 0 for all
	BOS       BOS         // whether texts begin with BOS, which counts among Seq
}

// inputs are the files that are read; a nil o has none.
func (o *TextOptions) inputs() []string {
	if o == nil {
		return nil
	}
	files := []string{o.IDs}
	for _, f := range o.Files {
		files = append(files, f.Path)
	}
	return files
}

// NamedFile is a text: wikitext2 and ptb join lines as the papers do.
type NamedFile struct{ Name, Path string }

// text is one text as rows of token ids, or as documents that are read whole.
type text struct {
	name     string
	protocol dataset.Protocol
	bos      bool // BOS was put before rows or documents
	lacksBOS bool // the tokenizer adds one by itself, and nobody said that there should be none
	rows     dataset.Rows
	docs     []eval.Document // of the rolling protocol: rows are their ids
	task     *questions      // whose records are the documents, nil: there is none
}

// load reads the texts; instead says what goes without a tokenizer.
func (o TextOptions) load(m *load.Model, instead string) ([]text, error) {
	protocol, err := o.protocol()
	if err != nil {
		return nil, err
	}
	if o.IDs != "" {
		rows, err := predictable(o.IDs, m.Config)
		if err != nil {
			return nil, err
		}
		lacks, err := o.BOS.ofIDs(m, rows, o.IDs)
		return []text{{name: o.IDs, protocol: dataset.Protocol{Name: "ids"}, rows: rows, lacksBOS: lacks}}, err
	}
	tok, err := textTokenizer(m, instead)
	if err != nil {
		return nil, err
	}
	bos, err := o.BOS.decide(tok, protocol.Rolling && addsBOS(tok)) // the papers' rows have none
	if err != nil {
		return nil, err
	}
	files := o.Files
	if len(files) == 0 {
		files = []NamedFile{{"held-out", defaultText(m)}}
	}
	var texts []text
	for i, f := range files {
		if slices.ContainsFunc(files[:i], func(g NamedFile) bool { return g.Name == f.Name }) {
			return nil, Usage(fmt.Errorf("--ppl %s is given twice; give each text a name of its own", f.Name))
		}
		t := text{name: f.Name, protocol: protocol, bos: bos}
		read := t.cut
		if protocol.Rolling {
			read = t.roll
		}
		if err := read(f, m.Config, tok, o); err != nil {
			return nil, err
		}
		t.lacksBOS = o.BOS.lacks(tok.Vocab(), t.rows)
		texts = append(texts, t)
	}
	return texts, nil
}

// protocol is the one that the options say.
func (o TextOptions) protocol() (dataset.Protocol, error) {
	err := errors.Join(Within("seq", o.Seq, 2, MostRows), Within("chunks", o.Chunks, 0, MostSteps), Within("max-length", o.MaxLength, 0, MostRows))
	if err != nil {
		return dataset.Protocol{}, err
	}
	protocol := dataset.RowsOf(o.Seq)
	if o.Protocol != "" {
		if protocol, err = dataset.FindProtocol(o.Protocol); err != nil {
			return protocol, Usage(fmt.Errorf("--%w", err))
		}
	}
	if o.MaxLength > 0 && !protocol.Rolling {
		return protocol, Usage(errors.New("--max-length goes with --protocol rolling; rows have --seq tokens"))
	}
	return protocol, nil
}

// how says in words how perplexity is measured.
func (t text) how() string {
	switch {
	case t.protocol.Name == "ids":
		return "rows of ids as they are given"
	case t.protocol.Rolling:
		return fmt.Sprintf("rolling over whole documents (windows of %d tokens), %s", t.protocol.Seq, BOSInWords(t.bos))
	case t.protocol.About == "":
		return fmt.Sprintf("rows of %d tokens, %s", t.protocol.Seq, BOSInWords(t.bos))
	}
	return fmt.Sprintf("%s (rows of %d tokens), %s", t.protocol.Name, t.protocol.Seq, BOSInWords(t.bos))
}

// TextPlan is a text on which perplexity will be measured.
type TextPlan struct {
	Name   string
	How    string // in words
	Rows   int    // or documents
	Passes []eval.Pass
}

func planTexts(texts []text) []TextPlan {
	var plans []TextPlan
	for _, t := range texts {
		plans = append(plans, TextPlan{t.name, t.how(), len(t.rows), t.passes()})
	}
	return plans
}

// passes are those that measuring takes.
func (t text) passes() (passes []eval.Pass) {
	if t.docs == nil {
		return eval.Passes(t.rows)
	}
	for _, d := range t.docs {
		for _, w := range d.Windows {
			passes = append(passes, eval.Pass{B: 1, T: len(w.IDs)})
		}
	}
	return passes
}

// evalRAM is the resident memory that the largest pass takes.
func evalRAM(m *load.Model, texts []TextPlan) int64 {
	sizes := map[[2]int]bool{}
	for _, t := range texts {
		for _, p := range t.Passes {
			sizes[[2]int{p.B, p.T}] = true
		}
	}
	var most int64
	for s := range sizes {
		most = max(most, EvalBytes(m, s[0], s[1]))
	}
	return most
}
