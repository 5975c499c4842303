package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// generateCommand are the options of moreau generate.
type generateCommand struct {
	*globals
	generate.Options
	Prompt string
	IDs    string
}

func newGenerateCommand(g *globals) *cobra.Command {
	o := &generateCommand{globals: g}
	cmd := &cobra.Command{
		Use: "generate MODEL --prompt TEXT", Short: "Continue a text",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Prompt, "prompt", "", "text to continue")
	f.StringVar(&o.IDs, "ids", "", "token ids to continue instead of text: JSON [[1,2,...]], one row")
	f.IntVarP(&o.Tokens, "tokens", "n", 64, "new tokens at most")
	f.Float64Var(&o.Temperature, "temperature", 0, "sampling temperature, 0 takes the most likely token")
	cmd.MarkFlagsMutuallyExclusive("prompt", "ids")
	return cmd
}

func (o *generateCommand) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	if o.Tokens < 1 || !(o.Temperature >= 0) {
		return usageError{fmt.Errorf("--tokens %d and --temperature %g: want at least 1 and 0", o.Tokens, o.Temperature)}
	}
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	prompt, err := o.prompt(m)
	if err != nil {
		return err
	}
	be, err := o.backend()
	if err != nil {
		return err
	}
	o.Options.Seed = o.globals.Seed
	live := stdout
	if o.JSON {
		live = io.Discard
	}
	unsaid := prompt.text // shown when the model has taken it
	c, err := prompt.extend(ctx, be, m, o.Options, func(piece string) {
		io.WriteString(live, unsaid+piece)
		unsaid = ""
	})
	if err != nil {
		return blame(m, err)
	}
	if o.JSON {
		return printJSON(stdout, c)
	}
	fmt.Fprintln(stdout, unsaid)
	fmt.Fprintf(stderr, "%d tokens, %.1f tokens/s\n", len(c.IDs), c.Rate)
	return nil
}

// prompt is what is continued. Without a tokenizer new tokens show as numbers.
type prompt struct {
	text string
	ids  []int32
	tok  tokenizer.Tokenizer // nil: none
}

func (o *generateCommand) prompt(m *load.Model) (prompt, error) {
	if o.IDs == "" {
		return textPrompt(m, o.Prompt)
	}
	rows, err := readIDs(o.IDs, m.Config)
	if err != nil {
		return prompt{}, err
	}
	if len(rows) != 1 {
		return prompt{}, inputError{fmt.Errorf("%s: %d rows; give the one that is to be continued", o.IDs, len(rows))}
	}
	tok, err := m.Tokenizer()
	if err != nil && !errors.Is(err, tokenizer.ErrNone) {
		return prompt{}, err
	}
	return prompt{ids: rows[0], tok: tok}, nil
}

// textPrompt is the ids of a text, after BOS where the model wants one.
func textPrompt(m *load.Model, text string) (prompt, error) {
	tok, err := textTokenizer(m, "give token ids instead: --ids FILE")
	if err != nil {
		return prompt{}, err
	}
	p := prompt{text: text, tok: tok}
	if v := tok.Vocab(); v.AddBOS && v.BOS >= 0 {
		p.ids = append(p.ids, int32(v.BOS))
	}
	for _, id := range tok.Encode(text) {
		p.ids = append(p.ids, int32(id))
	}
	return p, nil
}

// continuation is what a model made of a prompt; the JSON output.
type continuation struct {
	Text string  `json:"text"`
	IDs  []int   `json:"ids"`
	Rate float64 `json:"tokens_per_second"` // after the first token
}

// extend generates with weights kept as float32.
func (p prompt) extend(ctx context.Context, be backend.Backend, m *load.Model, o generate.Options, emit func(string)) (continuation, error) {
	w := transformer.NewResident(transformer.NewStored(be, m.Weights))
	defer w.Free()
	var c continuation
	var text strings.Builder
	var start time.Time
	_, err := generate.Tokens(ctx, transformer.New(be, m.Config), w, p.ids, p.eos(), o, func(id int) {
		if len(c.IDs) == 0 {
			start = time.Now()
		}
		c.IDs = append(c.IDs, id)
		piece := p.piece(id)
		text.WriteString(piece)
		emit(piece)
	})
	c.Text = text.String()
	if n := len(c.IDs) - 1; n > 0 {
		c.Rate = float64(n) / time.Since(start).Seconds()
	}
	return c, err
}

func (p prompt) eos() int {
	if p.tok == nil {
		return -1
	}
	return p.tok.Vocab().EOS
}

func (p prompt) piece(id int) string {
	if p.tok == nil {
		return fmt.Sprintf(" %d", id)
	}
	return p.tok.Decode([]int{id})
}
