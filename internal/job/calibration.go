package job

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"moreau/internal/dataset"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// CalibOptions say which tokens scores are computed on.
type CalibOptions struct {
	Text   string // files and builtin:NAMEs, with weights (dataset.ParseMix); "": a built-in text
	IDs    string // rows of token ids instead
	Rows   int    // a pass
	SeqLen int
	Fresh  bool   // other rows in each step
	BOS    BOS    // whether rows drawn from text begin with BOS, which counts among SeqLen
	Flag   string // that gives Text, "": calib
}

// calibration is the rows of a run and what the manifest says of them.
type calibration struct {
	rows dataset.Rows
	per  int // rows a step
	info importance.CalibInfo
	self *selfRows // that draw is to complete, nil: none

	lacksBOS bool // of rows given as ids
}

// load reads or draws the rows; steps is how many passes will ask for rows. Rows of the model's own
// text are blank before draw.
func (o CalibOptions) load(m *load.Model, seed uint64, steps int) (*calibration, error) {
	c := &calibration{per: o.Rows, info: importance.CalibInfo{Fresh: o.Fresh}}
	need := o.Rows
	if o.Fresh {
		need *= steps
	}
	read := c.fromText
	if o.IDs != "" {
		read = c.fromIDs
	}
	if err := read(o, m, seed, need); err != nil {
		return nil, Input(err)
	}
	c.info.Rows, c.info.SeqLen, c.info.SHA256 = len(c.rows), len(c.rows[0]), hashRows(c.rows)
	return c, nil
}

func (c *calibration) fromIDs(o CalibOptions, m *load.Model, _ uint64, need int) error {
	rows, err := predictable(o.IDs, m.Config)
	if err != nil {
		return err
	}
	if c.lacksBOS, err = o.BOS.ofIDs(m, rows, o.IDs); err != nil {
		return err
	}
	c.info.Source = o.IDs
	if !o.Fresh {
		c.rows, c.per = rows, len(rows)
		return nil
	}
	if len(rows) < need {
		return fmt.Errorf("%s: %d rows, --fresh-rows needs %d; lower --rows or --steps", o.IDs, len(rows), need)
	}
	c.rows = rows[:need]
	return nil
}

func (c *calibration) fromText(o CalibOptions, m *load.Model, seed uint64, need int) error {
	mix, err := dataset.ParseMix(cmp.Or(o.Text, defaultCalib(m)))
	if err == nil {
		err = mix.Deal(need)
	}
	if err != nil {
		return Usage(fmt.Errorf("--%s %w", o.flag(), err))
	}
	tok, err := textTokenizer(m, fmt.Sprintf("give token ids instead: --ids FILE; or take the model's own text: --%s self", o.flag()))
	switch {
	case err == nil:
		c.info.BOS, err = o.BOS.decide(tok, calibratesBehindBOS(m, tok))
	case errors.Is(err, tokenizer.ErrNone) && len(mix) == 1 && mix[0].Source == selfSource && o.BOS != AlwaysBOS:
		tok, err = nil, nil
	}
	if err != nil {
		return err
	}
	of := make([]dataset.Rows, len(mix))
	for i := range mix {
		if of[i], err = c.rowsOf(&mix[i], m, tok, o.SeqLen, seed); err != nil {
			return err
		}
	}
	for at, i := range mix.Order() {
		if mix[i].Source == selfSource {
			c.self.at = append(c.self.at, at)
		}
		c.rows, of[i] = append(c.rows, of[i][0]), of[i][1:]
	}
	c.info.Source, c.info.Mix = mix.String(), mix
	return nil
}

// rowsOf are the rows of a source, whose hash it notes.
func (c *calibration) rowsOf(s *dataset.Share, m *load.Model, tok tokenizer.Tokenizer, seqLen int, seed uint64) (rows dataset.Rows, err error) {
	var docs []string
	if s.Source == selfSource {
		c.self = newSelfRows(m.Config, tok, c.info.BOS, seqLen, seed)
	} else if docs, s.SHA256, err = calibDocs(s.Source); err != nil {
		return nil, err
	}
	rows, err = rowsOf(tok, c.info.BOS, seqLen, func(tokens int) (dataset.Rows, error) {
		if s.Source == selfSource {
			return blank(s.Rows, tokens), nil
		}
		return dataset.Calibration(docs, tok, s.Rows, tokens, seed)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Source, err)
	}
	return rows, nil
}

func (o CalibOptions) flag() string { return cmp.Or(o.Flag, "calib") }

// inputs are the files that are read.
func (o CalibOptions) inputs() []string {
	files := []string{o.IDs}
	mix, _ := dataset.ParseMix(o.Text) // what is wrong with it is found when it is read
	for _, s := range mix {
		files = append(files, s.Source)
	}
	return files
}

// calibDocs are the documents of a source, and the hash of its file or text.
func calibDocs(source string) (docs []string, sha string, err error) {
	name, ok := strings.CutPrefix(source, builtinText)
	if ok {
		text, _, err := builtin(name)
		sum := sha256.Sum256([]byte(text))
		return []string{text}, hex.EncodeToString(sum[:]), err
	}
	if docs, err = dataset.ReadText(source); err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	err = hashFile(context.Background(), sum, source, func(int64) {})
	return docs, hex.EncodeToString(sum.Sum(nil)), err
}

// batch gives the rows of a step.
func (c *calibration) batch(step int) (transformer.Batch, error) {
	lo := 0
	if c.info.Fresh {
		lo = step * c.per
	}
	return transformer.NewBatch(c.rows[lo : lo+c.per])
}

// sameAs refuses rows that are others than those of that hash, on which a plan did what it says; source is what gives them now.
func (c *calibration) sameAs(sha, did, source string) error {
	switch {
	case c.info.SHA256 == sha:
		return nil
	case c.self != nil:
		return Input(fmt.Errorf("%s: not the text that the plan was %s on; what a model writes depends on the kernels, too: take those of then (MOREAU_CPU), or prune anew", source, did))
	}
	return Input(fmt.Errorf("%s: not the text that the plan was %s on; bring that one back, or prune anew", source, did))
}

// longest is the length that the rows of a pass are padded to at most.
func (c *calibration) longest() int { return c.rows.Longest() }

// hashRows identifies the tokens: SHA-256 of the rows, each as its length and
// its ids, little-endian int32.
func hashRows(rows dataset.Rows) string {
	h := sha256.New()
	for _, r := range rows {
		binary.Write(h, binary.LittleEndian, int32(len(r)))
		binary.Write(h, binary.LittleEndian, r)
	}
	return hex.EncodeToString(h.Sum(nil))
}
