package job

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"moreau/internal/dataset"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// CalibOptions say which tokens scores are computed on.
type CalibOptions struct {
	Text   string // a file or builtin:NAME; "": a built-in text
	IDs    string // rows of token ids instead
	Rows   int    // a pass
	SeqLen int
	Fresh  bool // other rows in each step
	BOS    BOS  // whether rows drawn from text begin with BOS, which counts among SeqLen
}

// calibration is the rows of a run and what the manifest says of them.
type calibration struct {
	rows dataset.Rows
	per  int // rows a step
	info importance.CalibInfo
}

// load reads or draws the rows; steps is how many passes will ask for rows.
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
	c.info.Source = o.Text
	if c.info.Source == "" {
		c.info.Source = defaultText(m)
	}
	docs, err := calibDocs(c.info.Source)
	if err != nil {
		return err
	}
	tok, err := textTokenizer(m, "give token ids instead: --ids FILE")
	if err != nil {
		return err
	}
	if c.info.BOS, err = o.BOS.decide(tok, calibratesBehindBOS(m, tok)); err != nil {
		return err
	}
	if c.rows, err = rowsOf(tok, c.info.BOS, o.SeqLen, func(tokens int) (dataset.Rows, error) {
		return dataset.Calibration(docs, tok, need, tokens, seed)
	}); err != nil {
		return fmt.Errorf("%s: %w", c.info.Source, err)
	}
	return nil
}

func calibDocs(source string) ([]string, error) {
	name, ok := strings.CutPrefix(source, builtinText)
	if !ok {
		return dataset.ReadText(source)
	}
	text, _, err := builtin(name)
	return []string{text}, err
}

// batch gives the rows of a step.
func (c *calibration) batch(step int) (transformer.Batch, error) {
	lo := 0
	if c.info.Fresh {
		lo = step * c.per
	}
	return transformer.NewBatch(c.rows[lo : lo+c.per])
}

// longest is the length that the rows of a pass are padded to at most.
func (c *calibration) longest() int {
	n := 0
	for _, r := range c.rows {
		n = max(n, len(r))
	}
	return n
}

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
