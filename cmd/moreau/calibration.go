package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/dataset"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// builtinText is the prefix of the texts inside the program.
const builtinText = "builtin:"

// calibOptions say which tokens scores are computed on.
type calibOptions struct {
	Text   string
	IDs    string
	Rows   int
	SeqLen int
	Fresh  bool
}

func (o *calibOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Text, "calib", "", "calibration text: .txt, .jsonl, .json, .parquet, or builtin:shakespeare, builtin:stories (default: built in)")
	f.StringVar(&o.IDs, "ids", "", "calibration rows as token ids instead of text: JSON [[1,2,...],...]")
	f.IntVar(&o.Rows, "rows", o.Rows, "calibration rows a pass")
	f.IntVar(&o.SeqLen, "seq-len", o.SeqLen, "tokens a calibration row")
	f.BoolVar(&o.Fresh, "fresh-rows", false, "take the next rows at each step instead of the same ones")
	cmd.MarkFlagsMutuallyExclusive("calib", "ids")
}

// calibration is the rows of a run and what the manifest says of them.
type calibration struct {
	rows dataset.Rows
	per  int // rows a step
	info importance.CalibInfo
}

// defaultText is the built-in text that fits a model.
func defaultText(m *load.Model) string {
	if m.Path == load.Builtin {
		return builtinText + "stories"
	}
	return builtinText + "shakespeare"
}

// check refuses sizes that make no rows.
func (o calibOptions) check() error {
	return errors.Join(within("rows", o.Rows, 1, mostRows), within("seq-len", o.SeqLen, 2, mostRows))
}

// load reads or draws the rows; steps is how many passes will ask for rows.
func (o calibOptions) load(m *load.Model, seed uint64, steps int) (*calibration, error) {
	c := &calibration{per: o.Rows, info: importance.CalibInfo{Fresh: o.Fresh}}
	need := o.Rows
	if o.Fresh {
		need *= steps
	}
	var err error
	if o.IDs != "" {
		err = c.fromIDs(o, m, need)
	} else {
		err = c.fromText(o, m, seed, need)
	}
	if err != nil {
		return nil, inputError{err}
	}
	c.info.Rows, c.info.SeqLen, c.info.SHA256 = len(c.rows), len(c.rows[0]), hashRows(c.rows)
	return c, nil
}

func (c *calibration) fromIDs(o calibOptions, m *load.Model, need int) error {
	rows, err := readIDs(o.IDs, m.Config)
	if err != nil {
		return err
	}
	if rows.Predicted() == 0 {
		return errNothingPredicted(o.IDs)
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

func (c *calibration) fromText(o calibOptions, m *load.Model, seed uint64, need int) error {
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
	if c.rows, err = dataset.Calibration(docs, tok, need, o.SeqLen, seed); err != nil {
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

// builtin looks a built-in text up.
func builtin(name string) (calib, heldout string, err error) {
	if calib, heldout = dataset.Builtin(name); calib == "" {
		err = fmt.Errorf("there is no built-in text %q, known are %s", name, strings.Join(dataset.BuiltinNames, ", "))
	}
	return calib, heldout, err
}

// batch gives the rows of a step.
func (c *calibration) batch(step int) (transformer.Batch, error) {
	lo := 0
	if c.info.Fresh {
		lo = step * c.per
	}
	return transformer.NewBatch(c.rows[lo : lo+c.per])
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
