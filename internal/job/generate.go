package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	IDs    string   // one row of token ids instead
	Stop   []string // strings before which the text ends
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
	Text       string  `json:"text"`
	IDs        []int   `json:"ids"`
	Rate       float64 `json:"tokens_per_second"` // after the first token
	Prompt     int     `json:"prompt_tokens"`
	PromptRate float64 `json:"prompt_tokens_per_second"` // until the first token, weights being in memory
}

// NewGenerate opens a model and takes the prompt apart.
func NewGenerate(path string, be backend.Backend, o GenerateOptions) (*Generate, error) {
	if err := o.check(); err != nil {
		return nil, Usage(err)
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

func (o GenerateOptions) check() error {
	if o.Tokens < 1 {
		return fmt.Errorf("--tokens %d: want at least 1", o.Tokens)
	}
	if slices.Contains(o.Stop, "") {
		return errors.New("--stop is empty: name the text that is to end the continuation")
	}
	return o.Options.Check()
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
	if err == nil && j.tok == nil && len(j.o.Stop) > 0 {
		err = Input(fmt.Errorf("--stop: the model has no tokenizer, so there is no text that it could end"))
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
	c := Continuation{Prompt: len(j.ids)}
	if err := w.Load(ctx, j.m.Config.Params()); err != nil {
		return c, Blame(j.m, err)
	}
	var text strings.Builder
	say := func(piece string) {
		text.WriteString(piece)
		emit(piece)
	}
	stop := stopper{stops: j.o.Stop}
	start := time.Now()
	first := start
	_, err := generate.Tokens(ctx, transformer.New(j.be, j.m.Config), w, j.ids, j.eos(), j.o.Options, func(id int) bool {
		if len(c.IDs) == 0 {
			first = time.Now()
		}
		c.IDs = append(c.IDs, id)
		piece, stopped := stop.add(j.piece(id))
		say(piece)
		return !stopped
	})
	if err != nil {
		return c, Blame(j.m, err)
	}
	if stop.held != "" {
		say(stop.held)
	}
	c.Text = text.String()
	c.rates(first.Sub(start), time.Since(first))
	return c, nil
}

// rates takes how long it was until the first token and from there to the last.
func (c *Continuation) rates(prompt, rest time.Duration) {
	if len(c.IDs) > 0 {
		c.PromptRate = float64(c.Prompt) / prompt.Seconds()
	}
	if n := len(c.IDs) - 1; n > 0 {
		c.Rate = float64(n) / rest.Seconds()
	}
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
