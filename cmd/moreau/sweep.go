package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/eval"
	"moreau/internal/importance"
	"moreau/internal/job"
)

// sweepOptions are the flags of sweep.
type sweepOptions struct {
	scoring    scoringFlags
	budget     budgetFlags
	texts      textFlags
	compensate job.CompensateOptions
	bos        job.BOS
	tasks      job.TaskOptions
	mean       string
	methods    []string
	ratios     []string
	dir        string
}

func (o *sweepOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.methods, "methods", []string{job.DefaultScoring().Method}, "methods to compare: "+strings.Join(importance.MethodNames(), ", "))
	f.StringSliceVar(&o.ratios, "ratios", []string{"10%", "20%", "30%", "40%"}, "shares of the model's parameters to cut")
	f.StringVarP(&o.dir, "out", "o", "", "folder of the results; what it has is not measured again")
	o.budget.placeFlags(cmd)
	o.scoring.AddFlags(cmd)
	o.texts.AddFlags(cmd, 64, "eval-ids")
	taskFlags(cmd, &o.tasks, &o.mean)
	bosFlag(cmd, &o.bos, autoRows+"; "+autoPapers)
	compensateFlags(cmd, &o.compensate)
}

const sweepHelp = `Cut a model by several methods at several ratios, and measure perplexity after
the cut and after the refit, and accuracy on --tasks, without writing models. DIR gets a file for each cut as
soon as it is measured, so that the same command goes on where it was interrupted, and
with more methods or ratios measures these alone; scores are computed once a method.
sweep.json has all of them, sweep.svg is a picture.

A star marks what no other cut beats: as few parameters and no more perplexity.

Methods:
`

func newSweepCommand(g *globals) *cobra.Command {
	o := &sweepOptions{}
	cmd := &cobra.Command{
		Use: "sweep MODEL --methods energy,moreau --ratios 10%,20%,30% -o DIR", Short: "Measure many cuts of a model and draw them", Long: sweepHelp + methodHelp(),
		Example: `  moreau sweep model.gguf --ratios 10%,20%,35% --calib c4.jsonl --ppl wikitext2=wiki.test.raw -o sweep
  moreau sweep model.gguf --methods energy,wanda-sp,taylor --compensate none -o methods`,
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], commandLine(cmd, args), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *sweepOptions) options(g *globals, command string) (s job.SweepOptions, err error) {
	s = job.SweepOptions{Methods: o.methods, Tasks: o.tasks, Mean: o.mean, Dir: o.dir}
	s.Tasks.BOS = o.bos
	if err := checkTasks(s.Tasks); err != nil {
		return s, err
	}
	s.Prune = job.PruneOptions{Compensate: o.compensate, Program: "moreau " + version, Command: command}
	if s.Prune.Scoring, err = o.scoring.options(g); err != nil {
		return s, err
	}
	if s.Prune.Budget, err = o.budget.options(); err != nil {
		return s, err
	}
	if s.Prune.Texts, err = o.texts.options(); err != nil {
		return s, err
	}
	s.Prune.Scoring.Calib.BOS, s.Prune.Texts.BOS, s.Prune.Out.Threads = o.bos, o.bos, g.Threads
	for _, text := range o.ratios {
		ratio, err := parseShare(text)
		if err != nil {
			return s, err
		}
		s.Ratios = append(s.Ratios, ratio)
	}
	return s, nil
}

func (o *sweepOptions) run(ctx context.Context, g *globals, path, command string, stdout, stderr io.Writer) error {
	options, err := o.options(g, command)
	if err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewSweep(path, be, options)
	if err != nil {
		return err
	}
	defer j.Close()
	cells, err := j.Execute(ctx, newConsole(stderr))
	if err != nil {
		return goesOn(ctx, err, o.dir)
	}
	data, err := json.MarshalIndent(cells, "", "  ")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{job.SweepJSON: string(data) + "\n", job.SweepSVG: drawSweep(cells)} {
		if err := job.WriteText(filepath.Join(o.dir, name), text); err != nil {
			return err
		}
	}
	if g.JSON {
		return printJSON(stdout, cells)
	}
	table(stdout, sweepRows(cells)...)
	fmt.Fprintf(stdout, "\nperplexity on %s; wrote %s\n", cells[0].After[0].Text, filepath.Join(o.dir, job.SweepSVG))
	return nil
}

// right is the mean over the tasks, or the metric of the one there is.
func right(c job.Cell) eval.Mean {
	switch t := c.Tasks[0]; {
	case c.Mean != nil:
		return c.Mean.Mean
	case t.Metric == "acc":
		return t.Acc
	default:
		return t.AccNorm
	}
}

// sweepRows is the table of cells.
func sweepRows(cells []job.Cell) []string {
	rows := []string{"method\tratio\tparameters\tafter the cut\trefitted\t"}
	if cells[0].Tasks != nil {
		rows[0] += "\tright"
	}
	for _, c := range cells {
		method, ratio, cut, star := c.Method, fmt.Sprintf("%g %%", 100*c.Ratio), "", ""
		if method == "" {
			method, ratio = "dense", ""
		}
		after := fmt.Sprintf("%.2f", c.After[0].Perplexity)
		if cut = after; c.Cut != nil {
			cut = fmt.Sprintf("%.2f", c.Cut[0].Perplexity)
		} else {
			after = ""
		}
		if c.Front {
			star = "*"
		}
		row := []string{method, ratio, count(c.Params), cut, after, star}
		if c.Tasks != nil {
			row = append(row, plusMinus(right(c)))
		}
		rows = append(rows, strings.Join(row, "\t"))
	}
	return rows
}
