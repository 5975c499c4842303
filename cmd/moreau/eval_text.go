package main

import (
	"fmt"
	"io"
	"strings"

	"moreau/internal/eval"
	"moreau/internal/job"
	"moreau/internal/results"
)

// printEval writes what was measured: of one model with its errors, of several side by side and
// with their differences from the first.
func printEval(w io.Writer, r job.EvalReport) {
	m := r.Models[0]
	switch {
	case len(r.Models) == 1:
		printOne(w, m)
	case m.Perplexity != nil || m.Tasks != nil:
		printSideBySide(w, r.Models)
		printDifferences(w, r.Differences)
	}
	if m.Speed != nil {
		printSpeed(w, r.Models)
	}
}

func printOne(w io.Writer, m job.ModelReport) {
	if m.Perplexity != nil {
		printPerplexity(w, m.Perplexity)
	}
	if m.Tasks != nil {
		rows := []string{"task\tquestions\tacc\tstderr\tacc_norm\tstderr\tcounts\tBOS"}
		for _, t := range m.Tasks {
			rows = append(rows, fmt.Sprintf("%s\t%d\t%.4f\t%.4f\t%.4f\t%.4f\t%s\t%s", t.Task, t.Acc.N, t.Acc.Value, t.Acc.Stderr, t.AccNorm.Value, t.AccNorm.Stderr, t.Metric, yes(t.BOS)))
		}
		table(w, rows...)
	}
	if m.Mean != nil {
		fmt.Fprintf(w, "mean of %d tasks (--mean %s): %s\n", len(m.Tasks), m.Mean.Rule, plusMinus(m.Mean.Mean))
	}
}

// yes writes whether.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// plusMinus writes a mean with its standard error.
func plusMinus(m eval.Mean) string { return fmt.Sprintf("%.4f ± %.4f", m.Value, m.Stderr) }

// marked writes a metric, with a star where it counts in the mean.
func marked(metric string, counts bool) string {
	if counts {
		return metric + " *"
	}
	return metric
}

// printSideBySide writes a column a model.
func printSideBySide(w io.Writer, models []job.ModelReport) {
	row := func(name, metric string, cell func(m job.ModelReport) string) string {
		cells := []string{name, metric}
		for _, m := range models {
			cells = append(cells, cell(m))
		}
		return strings.Join(cells, "\t")
	}
	rows := []string{row("", "", func(m job.ModelReport) string { return m.Model })}
	for i, t := range models[0].Perplexity {
		for _, f := range figures(t) {
			rows = append(rows, row(t.Text+", "+t.Protocol, f.name, func(m job.ModelReport) string { return f.of(m.Perplexity[i]) }))
		}
		rows = append(rows, row("", "BOS", func(m job.ModelReport) string { return yes(m.Perplexity[i].BOS) }))
	}
	for i, t := range models[0].Tasks {
		rows = append(rows, row(t.Task, marked("acc", t.Metric == "acc"), func(m job.ModelReport) string { return plusMinus(m.Tasks[i].Acc) }),
			row("", marked("acc_norm", t.Metric == "acc_norm"), func(m job.ModelReport) string { return plusMinus(m.Tasks[i].AccNorm) }))
	}
	if models[0].Tasks != nil {
		rows = append(rows, row("tasks", "BOS", func(m job.ModelReport) string { return yes(m.Tasks[0].BOS) }))
	}
	if mean := models[0].Mean; mean != nil {
		rows = append(rows, row("mean", mean.Rule, func(m job.ModelReport) string { return plusMinus(m.Mean.Mean) }))
	}
	table(w, rows...)
}

// printDifferences writes paired comparisons, a table each.
func printDifferences(w io.Writer, all []results.Comparison) {
	if len(all) == 0 {
		return
	}
	for _, c := range all {
		fmt.Fprintf(w, "\nA = %s\nB = %s\n", c.A, c.B)
		rows := []string{"\tmetric\tpairs\tA\tB\tB - A\tstderr\tonly A\tonly B\tp"}
		for _, t := range c.Tasks {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%.4f\t%.4f\t%+.4f\t%.4f\t%d\t%d\t%.2g", t.Task, marked(t.Metric, t.Counts), t.Difference.N, t.A, t.B, t.Difference.Value, t.Difference.Stderr, t.OnlyA, t.OnlyB, t.P))
		}
		if m := c.Mean; m != nil {
			rows = append(rows, fmt.Sprintf("mean\t%s\t\t%.4f\t%.4f\t%+.4f\t%.4f\t\t\t%.2g", m.Rule, m.A, m.B, m.Difference.Value, m.Difference.Stderr, m.P))
		}
		for _, t := range c.Texts {
			rows = append(rows, fmt.Sprintf("%s\tperplexity\t%d\t%.4f\t%.4f\t%+.4f\t%.4f\t\t\t%.2g", t.Text, t.Difference.N, t.A, t.B, t.Difference.Value, t.Difference.Stderr, t.P))
		}
		table(w, rows...)
		for _, why := range c.Unpaired {
			fmt.Fprintln(w, "not compared:", why)
		}
	}
	fmt.Fprintln(w, "*: counts in the mean. p: McNemar's exact test for tasks; for perplexity a t-test of the chunks' mean losses, whose difference is shown, in nats a token")
}
