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

const demoHelp = `Prune the built-in model (stories260K) by 10 % of its parameters with several
methods, compare perplexity on held-out stories, and write the one pruned by moreau.`

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
		defer os.Remove(dir) // goes only while it is empty: after a failure
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
	defer j.Close()
	r, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, map[string]any{"models": r.Rows, "prompt": r.Prompt, "dense_sample": r.Dense, "pruned_sample": r.Pruned, "output": out.Path})
	}
	printDemo(r, stdout)
	return nil
}

func printDemo(r job.DemoReport, stdout io.Writer) {
	rows := []string{"method\tparameters\tbytes\tperplexity\tchange\ttokens/s"}
	for _, m := range r.Rows {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%.3f\t%s\t%.0f", m.Method, count(m.Parameters), count(m.Bytes), m.Perplexity, percent(r.Rows[0].Perplexity, m.Perplexity), m.Rate))
	}
	fmt.Fprintln(stdout)
	table(stdout, rows...)
	fmt.Fprintf(stdout, "\ndense model:  %s%s\n\npruned model: %s%s\n\nwrote %s\n", r.Prompt, r.Dense, r.Prompt, r.Pruned, r.Out)
}
