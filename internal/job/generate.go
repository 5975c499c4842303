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
	Chat   bool     // the prompt is a user's message, put through the model's chat template
	System string   // the system message before it
	Stop   []string // strings before which the text ends
	generate.Options
}

// Generate is the job that continues a text. Without a tokenizer new tokens show as numbers.
type Generate struct {
	o    GenerateOptions
	m    *load.Model
	be   backend.Backend
	ids  []int32
	tok  tokenizer.Tokenizer  // nil: none
	w    *transformer.Compact // nil before the first continuation
	g    *generate.Generator  // of w
	chat *conversation        // nil: none
}

// Continuation is what a model made of a prompt.
type Continuation struct {
	Text       string  `json:"text"`
	IDs        []int   `json:"ids"`
	Rate       float64 `json:"tokens_per_second"` // after the first token
	Prompt     int     `json:"prompt_tokens"`
	New        int     `json:"-"`                        // of them, those that were computed: the beginning of a conversation is known
	PromptRate float64 `json:"prompt_tokens_per_second"` // until the first token, weights being in memory
	Ended      bool    `json:"ended"`                    // by a token that ends texts or turns, or a stop string
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
	switch {
	case o.IDs != "":
		prepare = j.fromIDs
	case o.Chat:
		prepare = j.fromChat
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
	if o.System != "" && !o.Chat {
		return errors.New("--system goes with --chat")
	}
	return o.Options.Check()
}

// Close frees the weights and closes the model.
func (j *Generate) Close() error {
	if j.w != nil {
		j.g.Close()
		j.w.Free()
	}
	return j.m.Close()
}

// load reads the weights, which are kept as they are stored, before the first continuation.
func (j *Generate) load(ctx context.Context) error {
	if j.w != nil {
		return nil
	}
	w := transformer.NewCompact(j.be, j.m.Weights)
	if err := w.Load(ctx, j.m.Config.Params()); err != nil {
		w.Free()
		return Blame(j.m, err)
	}
	j.w, j.g = w, generate.New(transformer.New(j.be, j.m.Config), w)
	return nil
}

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
	if addsBOS(j.tok) {
		j.ids = append(j.ids, int32(j.tok.Vocab().BOS))
	}
	j.ids = append(j.ids, j.encode(j.o.Prompt)...)
	return nil
}

func (j *Generate) encode(text string) (ids []int32) {
	for _, id := range j.tok.Encode(text) {
		ids = append(ids, int32(id))
	}
	return ids
}

// Execute generates; emit hears each piece of text. In a conversation it is the answer to what
// was heard last.
func (j *Generate) Execute(ctx context.Context, emit func(piece string)) (Continuation, error) {
	c := Continuation{Prompt: len(j.ids)}
	if err := j.load(ctx); err != nil {
		return c, err
	}
	var text strings.Builder
	say := func(piece string) {
		text.WriteString(piece)
		emit(piece)
	}
	stop, stopped := stopper{stops: j.o.Stop}, false
	start := time.Now()
	first := start
	n, err := j.g.Tokens(ctx, j.ids, j.ends(), j.o.Options, func(id int) bool {
		if len(c.IDs) == 0 {
			first = time.Now()
		}
		c.IDs = append(c.IDs, id)
		var piece string
		piece, stopped = stop.add(j.piece(id))
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
	c.Ended = stopped || n < min(j.o.Tokens, j.m.Config.MaxPositions-len(j.ids))
	c.New = c.Prompt - j.g.Kept()
	c.rates(first.Sub(start), time.Since(first))
	if j.chat != nil {
		j.chat.add(assistant, c.Text)
	}
	return c, nil
}

// rates takes how long it was until the first token and from there to the last.
func (c *Continuation) rates(prompt, rest time.Duration) {
	if len(c.IDs) > 0 {
		c.PromptRate = float64(c.New) / prompt.Seconds()
	}
	if n := len(c.IDs) - 1; n > 0 {
		c.Rate = float64(n) / rest.Seconds()
	}
}

func (j *Generate) ends() []int {
	if j.tok == nil {
		return nil
	}
	return j.tok.Vocab().Ends()
}

func (j *Generate) piece(id int) string {
	if j.tok == nil {
		return fmt.Sprintf(" %d", id)
	}
	return j.tok.Decode([]int{id})
}
