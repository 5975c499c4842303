package main

import (
	"fmt"
	"strings"
)

// pruneResult is the JSON output of moreau prune.
type pruneResult struct {
	Plan        planSummary `json:"plan"`
	Before      []measured  `json:"perplexity_before,omitempty"`
	After       []measured  `json:"perplexity_after,omitempty"`
	Output      string      `json:"output_path"`
	WeightBytes int64       `json:"weight_bytes_before"`
}

// report prints what was gained and lost.
func (j *pruneJob) report(before, after []measured) error {
	if j.JSON {
		s, err := j.summary()
		if err != nil {
			return err
		}
		return printJSON(j.stdout, pruneResult{s, before, after, j.Out, inspectModel(j.m).Bytes})
	}
	fmt.Fprintln(j.stdout)
	table(j.stdout, append([]string{"\tbefore\tafter\tchange"}, j.resultRows(before, after, "\t", true)...)...)
	fmt.Fprintf(j.stdout, "\nwrote %s\n", j.out)
	return nil
}

// resultRows are the lines of the before/after table; without speeds they
// are the same in every run.
func (j *pruneJob) resultRows(before, after []measured, sep string, speeds bool) []string {
	b, a := j.cut.Before, j.cut.After
	row := func(name, x, y, change string) string { return strings.Join([]string{name, x, y, change}, sep) }
	rows := []string{
		row("parameters", count(b.ParamCount()), count(a.ParamCount()), percent(float64(b.ParamCount()), float64(a.ParamCount()))),
		row("KV cache a token", size(b.KVBytes()), size(a.KVBytes()), percent(float64(b.KVBytes()), float64(a.KVBytes()))),
	}
	for i := range after {
		x, y := before[i], after[i]
		rows = append(rows, row("perplexity "+x.Text, fmt.Sprintf("%.2f", x.Perplexity), fmt.Sprintf("%.2f", y.Perplexity), percent(x.Perplexity, y.Perplexity)))
		if speeds {
			rows = append(rows, row("tokens/s "+x.Text, fmt.Sprintf("%.0f", x.TokensPerSecond), fmt.Sprintf("%.0f", y.TokensPerSecond), percent(x.TokensPerSecond, y.TokensPerSecond)))
		}
	}
	return rows
}
