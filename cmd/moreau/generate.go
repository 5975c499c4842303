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

func (o *generateOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Prompt, "prompt", "", "text to continue")
	f.StringVar(&o.IDs, "ids", "", "token ids to continue instead of text: JSON [[1,2,...]], one row")
	f.IntVarP(&o.Tokens, "tokens", "n", 64, "new tokens at most")
	f.Float64Var(&o.Temperature, "temperature", 0, "sampling temperature, 0 takes the most likely token")
	f.IntVar(&o.TopK, "top-k", 0, "draw from the `K` most likely tokens only, 0 from all")
	f.Float64Var(&o.TopP, "top-p", 1, "then from the fewest whose probabilities reach that share")
	f.Float64Var(&o.MinP, "min-p", 0, "then from those at least so likely beside the most likely")
	f.StringArrayVar(&o.Stop, "stop", nil, "text before which the continuation ends; may be given again")
	onlyOne(cmd, "prompt", "ids")
}

func newGenerateCommand(g *globals) *cobra.Command {
	o := &generateOptions{}
	cmd := &cobra.Command{
		Use: "generate MODEL --prompt TEXT", Short: "Continue a text",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *generateOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	o.Seed = g.Seed
	j, err := job.NewGenerate(path, be, o.GenerateOptions)
	if err != nil {
		return err
	}
	defer j.Close()
	live := stdout
	if g.JSON {
		live = io.Discard
	}
	unsaid := "" // shown when the model has taken it
	if o.IDs == "" {
		unsaid = o.Prompt
	}
	c, err := j.Execute(ctx, func(piece string) {
		io.WriteString(live, unsaid+piece)
		unsaid = ""
	})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, c)
	}
	fmt.Fprintln(stdout, unsaid)
	fmt.Fprintf(stderr, "prompt of %d tokens, %.1f tokens/s; %d new tokens, %.1f tokens/s\n", c.Prompt, c.PromptRate, len(c.IDs), c.Rate)
	return nil
}
