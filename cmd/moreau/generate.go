package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// generateOptions are the flags of generate.
type generateOptions struct {
	job.GenerateOptions
}

// chatTokens is what --tokens is for answers, unless it is given.
const chatTokens = 512

func (o *generateOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Prompt, "prompt", "", "text to continue, as TEXT; without either it is read from standard input")
	f.StringVar(&o.IDs, "ids", "", "token ids to continue instead of text: JSON [[1,2,...]], one row")
	f.BoolVar(&o.Chat, "chat", false, "answer the prompt as a user's message, by the model's own chat template; without --prompt it is read\nfrom standard input, at a terminal message by message")
	f.StringVar(&o.System, "system", "", "system message before it")
	f.IntVarP(&o.Tokens, "tokens", "n", 64, fmt.Sprintf("new tokens at most; %d with --chat unless given", chatTokens))
	f.Float64Var(&o.Temperature, "temperature", 0, "sampling temperature, 0 takes the most likely token")
	f.IntVar(&o.TopK, "top-k", 0, "draw from the `K` most likely tokens only, 0 from all")
	f.Float64Var(&o.TopP, "top-p", 1, "then from the fewest whose probabilities reach that share")
	f.Float64Var(&o.MinP, "min-p", 0, "then from those at least so likely beside the most likely")
	f.StringArrayVar(&o.Stop, "stop", nil, "text before which the continuation ends; may be given again")
	onlyOne(cmd, "prompt", "ids")
	onlyOne(cmd, "chat", "ids")
}

const generateHelp = `Continue a text, or answer.

Weights stay in the type they are stored in. A prompt of more than eight tokens
is multiplied in float32 or, rounded, weights included, in bf16 (--compute); the
tokens behind it always with the weights as they are. By default bf16 is taken for
weights in bf16 or in blocks of quants, on CPUs with instructions for it.`

// modelAndText wants a model, and a text where no flag gives one.
func modelAndText(cmd *cobra.Command, args []string) error {
	if len(args) != 2 {
		return oneModel(cmd, args)
	}
	for _, flag := range []string{"prompt", "ids"} {
		if cmd.Flags().Changed(flag) {
			return job.Usage(fmt.Errorf("give TEXT or --%s, not both; see %s --help", flag, cmd.CommandPath()))
		}
	}
	return oneModel(cmd, args[:1])
}

func newGenerateCommand(g *globals) *cobra.Command {
	o := &generateOptions{}
	cmd := &cobra.Command{
		Use: "generate MODEL [TEXT]", Short: "Continue a text, or answer", Long: generateHelp,
		Example: `  moreau generate model.gguf "Once upon a time"
  echo "Once upon a time" | moreau generate model.gguf
  moreau generate model.gguf --chat`,
		Args: modelAndText,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				o.Prompt = args[1]
			}
			if o.Chat && !cmd.Flags().Changed("tokens") {
				o.Tokens = chatTokens
			}
			in := input{cmd.InOrStdin(), isTerminal(cmd.InOrStdin())}
			return o.run(cmd.Context(), g, args[0], in, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *generateOptions) run(ctx context.Context, g *globals, path string, in input, stdout, stderr io.Writer) error {
	be, err := g.generating()
	if err != nil {
		return err
	}
	o.Seed = g.Seed
	talk := o.Chat && o.Prompt == "" && in.terminal && !g.JSON
	if o.Prompt == "" && o.IDs == "" && !talk && (o.Chat || !in.terminal) {
		if o.Prompt, err = in.all(ctx); err != nil {
			return err
		}
	}
	j, err := job.NewGenerate(path, be, o.GenerateOptions)
	if err != nil {
		return err
	}
	defer j.Close()
	s := speaker{j, asItIs(stdout), stderr}
	switch {
	case talk:
		return s.talk(ctx, in)
	case g.JSON:
		c, err := j.Execute(ctx, func(string) {})
		if err != nil {
			return err
		}
		return printJSON(stdout, c)
	case o.Chat:
		return s.say(ctx, "")
	}
	return s.say(ctx, o.Prompt)
}

// speaker prints what a job generates while it does.
type speaker struct {
	*job.Generate
	stdout, stderr io.Writer
}

// say prints a continuation behind the text before it, which is shown when the model has taken it.
func (s speaker) say(ctx context.Context, before string) error {
	c, err := s.Execute(ctx, func(piece string) {
		io.WriteString(s.stdout, before+piece)
		before = ""
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, before)
	known := ""
	if c.New < c.Prompt {
		known = fmt.Sprintf(" (%d known)", c.Prompt-c.New)
	}
	fmt.Fprintf(s.stderr, "prompt of %d tokens%s, %.1f tokens/s; %d new tokens, %.1f tokens/s\n", c.Prompt, known, c.PromptRate, len(c.IDs), c.Rate)
	return nil
}

// talk answers message by message, until there are no more.
func (s speaker) talk(ctx context.Context, in input) error {
	lines := in.lines()
	for {
		fmt.Fprint(s.stderr, "> ")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, more := <-lines:
			if !more {
				fmt.Fprintln(s.stderr)
				return nil
			}
			if line == "" {
				continue
			}
			if err := s.Hear(line); err != nil {
				return err
			}
			if err := s.say(ctx, ""); err != nil {
				return err
			}
		}
	}
}
