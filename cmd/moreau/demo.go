package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	out   string
	force bool
}

func (o *demoOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "where the pruned model goes (default: a new temporary folder)")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
}

const demoHelp = `Prune the built-in model (stories260K) by 10 % of its parameters: by several methods
that cut alone, and as moreau prune does by default, with a refit and tuned gates, which is
written. Perplexity is on held-out stories: mean and standard deviation of three seeds.`

func newDemoCommand(g *globals) *cobra.Command {
	o := &demoOptions{}
	cmd := &cobra.Command{
		Use: "demo", Short: "Prune a built-in story model by several methods and compare", Long: demoHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *demoOptions) run(ctx context.Context, g *globals, stdout, stderr io.Writer) error {
	out := job.OutOptions{Path: o.out, Force: o.force, Threads: g.Threads}
	if out.Path == "" {
		dir, err := os.MkdirTemp("", "moreau-demo-")
		if err != nil {
			return err
		}
		defer func() {
			if _, err := os.Stat(out.Path); err != nil { // after a failure
				os.RemoveAll(dir)
			}
		}()
		out.Path = filepath.Join(dir, "stories260K-pruned.gguf")
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewDemo(be, out, g.Seed)
	if err != nil {
		return err
	}
	r, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, map[string]any{"models": r.Rows, "seeds": r.Seeds, "prompt": r.Prompt, "dense_sample": r.Dense, "pruned_sample": r.Pruned, "output": out.Path})
	}
	printDemo(r, stdout)
	return nil
}

func printDemo(r job.DemoReport, stdout io.Writer) {
	rows := []string{"method\tparameters\tperplexity\tchange"}
	for i, m := range r.Rows {
		row := fmt.Sprintf("%s\t%s\t%.2f", m.Method, count(m.Parameters), m.Perplexity)
		if i > 0 {
			row += fmt.Sprintf(" ± %.2f\t%s", m.Deviation, percent(r.Rows[0].Perplexity, m.Perplexity))
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(stdout)
	table(stdout, rows...)
	fmt.Fprintf(stdout, "\nperplexity on %d rows of %d tokens of %s text, mean and standard deviation of %d seeds; all but prune cut alone\n", r.Text.Rows, r.Text.Length, r.Text.Text, r.Seeds)
	fmt.Fprintf(stdout, "\ndense model:  %s%s\n\npruned model: %s%s\n\nwrote %s\n", r.Prompt, r.Dense, r.Prompt, r.Pruned, r.Out)
}
