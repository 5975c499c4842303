package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

const mergeHelp = `Make an adapter part of a model: a folder of PEFT (adapter_config.json and
adapter_model.safetensors) with plain LoRA or rsLoRA on projections, of moreau recover --adapter or
of another program. What is more than that is refused by name.`

func newMergeCommand(g *globals) *cobra.Command {
	o := &outFlags{}
	cmd := &cobra.Command{
		Use: "merge MODEL ADAPTER -o OUT", Short: "Make an adapter of PEFT part of a model", Long: mergeHelp,
		Example: "  moreau merge ./smaller ./adapter -o ./recovered\n  moreau merge smaller.gguf ./adapter -o recovered.gguf",
		Args:    modelAndAdapter,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMerge(cmd.Context(), g, o, args[0], args[1], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func runMerge(ctx context.Context, g *globals, o *outFlags, path, adapter string, stdout, stderr io.Writer) error {
	out, err := o.options(g)
	if err != nil {
		return err
	}
	j, err := job.NewMerge(path, adapter, out)
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	if err := j.Execute(ctx, plan, newConsole(stderr)); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, map[string]any{"matrices": j.Matrices(), "output": plan})
	}
	fmt.Fprintf(stdout, "%d matrices updated\nwrote %s\n", j.Matrices(), plan)
	return nil
}
