package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// logitsOptions are the flags of logits.
type logitsOptions struct {
	job.LogitsOptions
}

func (o *logitsOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.IDs, "ids", "", "rows of token ids: JSON [[1,2,...],...]")
	f.StringVarP(&o.Out, "out", "o", "", "safetensors file to write")
	f.BoolVar(&o.Force, "force", false, "replace the output if it exists")
}

func newLogitsCommand(g *globals) *cobra.Command {
	o := &logitsOptions{}
	cmd := &cobra.Command{
		Use: "logits MODEL --ids FILE -o OUT.safetensors", Short: "Write the logits of token rows, to compare with other programs",
		Long: "Write float32 logits: tensor \"logits\" [rows, T, vocabulary] when all rows have the\nsame length, else one tensor \"logits.ROW\" [T, vocabulary] a row.",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *logitsOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewLogits(path, be, o.LogitsOptions)
	if err != nil {
		return err
	}
	defer j.Close()
	r, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, map[string]any{"file": r.Path, "rows": r.Rows, "tokens": r.Tokens, "vocab_size": r.Vocab})
	}
	fmt.Fprintf(stdout, "%s: logits of %d rows, %d tokens\n", r.Path, r.Rows, r.Tokens)
	return nil
}
