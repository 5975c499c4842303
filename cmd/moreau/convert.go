package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// convertOptions are the flags of convert.
type convertOptions struct{ out outFlags }

func (o *convertOptions) AddFlags(cmd *cobra.Command) {
	o.out.AddFlags(cmd)
	o.out.addImatrix(cmd)
}

func newConvertCommand(g *globals) *cobra.Command {
	o := &convertOptions{}
	cmd := &cobra.Command{
		Use: "convert MODEL -o OUT", Short: "Write a model in another container or dtype",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *convertOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	out, err := o.out.options(g)
	if err != nil {
		return err
	}
	j, err := job.NewConvert(path, out)
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan()
	if err != nil {
		return err
	}
	if _, err := j.Execute(ctx, plan, newConsole(stderr)); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, plan)
	}
	fmt.Fprintln(stdout, plan)
	return nil
}
