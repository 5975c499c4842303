package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
)

const (
	demoRatio  = 0.1
	demoEta    = 1e-3 // the published 5e-6, chosen for 7B parameters, shrinks nothing in so small a model
	demoPrompt = "Once upon a time, there was a little girl named Lily."
)

// demoMethods are compared at the same budget; the last one is written.
var demoMethods = []string{"random", "l2", "taylor", "moreau-gs", "moreau"}

// demoCommand are the options of moreau demo.
type demoCommand struct {
	*globals
	Out   string
	Force bool
}

func newDemoCommand(g *globals) *cobra.Command {
	o := &demoCommand{globals: g}
	cmd := &cobra.Command{
		Use: "demo", Short: "Prune a built-in story model by several methods and compare",
		Long: "Prune the built-in model (stories260K) by 10 % of its parameters with several\nmethods, compare perplexity on held-out stories, and write the one pruned by moreau.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "out", "o", "", "where the pruned model goes (default: a new temporary folder)")
	f.BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return cmd
}

// demoRow is one line of the comparison; the JSON output.
type demoRow struct {
	Method     string  `json:"method"`
	Parameters int64   `json:"parameters"`
	Bytes      int64   `json:"bytes"`
	Perplexity float64 `json:"perplexity"`
	Rate       float64 `json:"tokens_per_second"`
}

// demo is one run.
type demo struct {
	*demoCommand
	ctx    context.Context
	m      *load.Model
	be     backend.Backend
	texts  []pplText
	stderr io.Writer
	rows   []demoRow
	last   export.Model // the model of the last method
}

func (o *demoCommand) run(ctx context.Context, stdout, stderr io.Writer) error {
	if o.Out == "" {
		dir, err := os.MkdirTemp("", "moreau-demo-")
		if err != nil {
			return err
		}
		defer os.Remove(dir) // goes only while it is empty: after a failure
		o.Out = filepath.Join(dir, "stories260K-pruned.gguf")
	}
	if err := (&outOptions{Out: o.Out, Force: o.Force}).check(load.Builtin); err != nil {
		return err
	}
	m, err := load.Open(load.Builtin)
	if err != nil {
		return err
	}
	be, err := o.backend()
	if err != nil {
		return err
	}
	d := &demo{demoCommand: o, ctx: ctx, m: m, be: be, stderr: stderr}
	if d.texts, err = (pplOptions{Seq: 128}).load(m, ""); err != nil {
		return err
	}
	if err := d.compare(); err != nil {
		return err
	}
	return d.finish(stdout)
}

// compare measures the dense model and each method's.
func (d *demo) compare() error {
	if err := d.add("dense", d.m.Config, nil); err != nil {
		return err
	}
	for _, method := range demoMethods {
		plan, err := d.plan(method)
		if err != nil {
			return err
		}
		if err := d.add(method, plan.After, plan); err != nil {
			return err
		}
	}
	return nil
}

// plan scores by one method with the published settings and picks the units.
func (d *demo) plan(method string) (*prune.Plan, error) {
	o := defaultScoreOptions()
	o.Method, o.Envelope.Eta = method, demoEta
	s, err := o.prepare(d.m, d.m.Config.AllLayers(), d.globals)
	if err != nil {
		return nil, err
	}
	scores, _, err := s.execute(d.ctx, d.m, d.be, d.stderr)
	if err != nil {
		return nil, err
	}
	return prune.NewPlan(d.m.Config, scores, prune.Budget{Ratio: demoRatio, Layers: d.m.Config.UnprotectedLayers(), Kinds: model.Kinds, Selection: prune.Local})
}

// add measures one model; plan is nil for the dense one.
func (d *demo) add(method string, cfg *model.Config, plan *prune.Plan) error {
	weights := d.m.Weights
	if plan != nil {
		var err error
		if weights, err = prune.Apply(plan, weights); err != nil {
			return err
		}
	}
	var err error
	if d.last, err = exportModel(d.m, cfg, weights, d.Out); err != nil {
		return err
	}
	out, err := planExport(d.last, d.outOptions(), d.Threads)
	if err != nil {
		return err
	}
	results, err := measure(d.ctx, d.be, cfg, weights, d.texts, "perplexity ("+method+")", d.stderr)
	if err != nil {
		return err
	}
	d.rows = append(d.rows, demoRow{method, cfg.ParamCount(), out.Bytes, results[0].Perplexity, results[0].TokensPerSecond})
	return nil
}

func (d *demo) outOptions() *outOptions { return &outOptions{Out: d.Out, Force: d.Force} }

// finish writes the last model and prints the table and two samples.
func (d *demo) finish(stdout io.Writer) error {
	out, err := planExport(d.last, d.outOptions(), d.Threads)
	if err != nil {
		return err
	}
	if err := writeModel(d.ctx, out, d.stderr); err != nil {
		return err
	}
	dense, err := d.sample(load.Builtin)
	if err != nil {
		return err
	}
	pruned, err := d.sample(d.Out)
	if err != nil {
		return err
	}
	if d.JSON {
		return printJSON(stdout, map[string]any{"models": d.rows, "prompt": demoPrompt, "dense_sample": dense, "pruned_sample": pruned, "output": d.Out})
	}
	rows := []string{"method\tparameters\tbytes\tperplexity\tchange\ttokens/s"}
	for _, r := range d.rows {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%.3f\t%s\t%.0f", r.Method, count(r.Parameters), count(r.Bytes), r.Perplexity, percent(d.rows[0].Perplexity, r.Perplexity), r.Rate))
	}
	fmt.Fprintln(stdout)
	table(stdout, rows...)
	fmt.Fprintf(stdout, "\ndense model:  %s%s\n\npruned model: %s%s\n\nwrote %s\n", demoPrompt, dense, demoPrompt, pruned, out)
	return nil
}

func (d *demo) sample(path string) (string, error) {
	m, err := load.Open(path)
	if err != nil {
		return "", err
	}
	defer m.Close()
	p, err := textPrompt(m, demoPrompt)
	if err != nil {
		return "", err
	}
	c, err := p.extend(d.ctx, d.be, m, generate.Options{Tokens: 60}, func(string) {})
	return c.Text, err
}
