package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"moreau/internal/backend"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// GenerateOptions say what is continued, and how.
type GenerateOptions struct {
	Prompt string
	IDs    string // one row of token ids instead
	generate.Options
}

// Generate is the job that continues a text. Without a tokenizer new tokens show as numbers.
type Generate struct {
	o   GenerateOptions
	m   *load.Model
	be  backend.Backend
	ids []int32
	tok tokenizer.Tokenizer // nil: none
}

// Continuation is what a model made of a prompt.
type Continuation struct {
	Text string  `json:"text"`
	IDs  []int   `json:"ids"`
	Rate float64 `json:"tokens_per_second"` // after the first token
}

// NewGenerate opens a model and takes the prompt apart.
func NewGenerate(path string, be backend.Backend, o GenerateOptions) (*Generate, error) {
	if o.Tokens < 1 || !(o.Temperature >= 0) {
		return nil, Usage(fmt.Errorf("--tokens %d and --temperature %g: want at least 1 and 0", o.Tokens, o.Temperature))
	}
	m, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	j := &Generate{o: o, m: m, be: be}
	prepare := j.fromText
	if o.IDs != "" {
		prepare = j.fromIDs
	}
	if err := prepare(); err != nil {
		m.Close()
		return nil, err
	}
	return j, nil
}

// Close closes the model.
func (j *Generate) Close() error { return j.m.Close() }

func (j *Generate) fromIDs() error {
	rows, err := readIDs(j.o.IDs, j.m.Config)
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return Input(fmt.Errorf("%s: %d rows; give the one that is to be continued", j.o.IDs, len(rows)))
	}
	j.ids = rows[0]
	j.tok, err = j.m.Tokenizer()
	if errors.Is(err, tokenizer.ErrNone) {
		j.tok, err = nil, nil
	}
	return err
}

// fromText gives the ids of the text, after BOS where the model wants one.
func (j *Generate) fromText() (err error) {
	if j.tok, err = textTokenizer(j.m, "give token ids instead: --ids FILE"); err != nil {
		return err
	}
	if v := j.tok.Vocab(); v.AddBOS && v.BOS >= 0 {
		j.ids = append(j.ids, int32(v.BOS))
	}
	for _, id := range j.tok.Encode(j.o.Prompt) {
		j.ids = append(j.ids, int32(id))
	}
	return nil
}

// Execute generates with weights kept as they are stored; emit hears each piece of text.
func (j *Generate) Execute(ctx context.Context, emit func(piece string)) (Continuation, error) {
	w := transformer.NewCompact(j.be, j.m.Weights)
	defer w.Free()
	var c Continuation
	var text strings.Builder
	var start time.Time
	_, err := generate.Tokens(ctx, transformer.New(j.be, j.m.Config), w, j.ids, j.eos(), j.o.Options, func(id int) {
		if len(c.IDs) == 0 {
			start = time.Now()
		}
		c.IDs = append(c.IDs, id)
		piece := j.piece(id)
		text.WriteString(piece)
		emit(piece)
	})
	c.Text = text.String()
	if n := len(c.IDs) - 1; n > 0 {
		c.Rate = float64(n) / time.Since(start).Seconds()
	}
	return c, Blame(j.m, err)
}

func (j *Generate) eos() int {
	if j.tok == nil {
		return -1
	}
	return j.tok.Vocab().EOS
}

func (j *Generate) piece(id int) string {
	if j.tok == nil {
		return fmt.Sprintf(" %d", id)
	}
	return j.tok.Decode([]int{id})
}
