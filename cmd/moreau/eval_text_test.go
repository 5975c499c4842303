package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/eval"
	"moreau/internal/job"
	"moreau/internal/results"
)

// answered is a run of a model that is right about some of 20 questions of two tasks, by its number.
func answered(model string, right ...int) results.Run {
	r := results.Run{Model: model, Texts: []results.Text{{Name: "wikitext2", SHA256: "s", Perplexity: 9 + float64(right[0])/10}}}
	for i := range 5 {
		r.Texts[0].ChunkNLL = append(r.Texts[0].ChunkNLL, 2+float64((i*right[0])%7)/10)
	}
	for k, name := range []string{"boolq", "piqa"} {
		t := results.Task{Name: name, Metric: []string{"acc", "acc_norm"}[k], Data: "d", SHA256: "t"}
		for i := range 20 {
			log := -1.0
			if (i*7)%20 < right[k] {
				log = -3
			}
			t.Examples = append(t.Examples, results.Example{Index: i, Gold: 1, Chars: []int{3 + i%2, 3}, Answers: []eval.Likelihood{{Log: log}, {Log: -2}}})
		}
		t.Judge()
		r.Tasks = append(r.Tasks, t)
	}
	return r
}

// files writes a results file a run.
func files(t *testing.T, runs ...results.Run) (paths []string) {
	dir := t.TempDir()
	for i, r := range runs {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i, ".json")))
		if err := (results.File{Format: results.Format, Runs: []results.Run{r}}).Write(paths[i], false); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// comparing is what compare prints of three models.
func comparing(flags ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		paths := files(t, answered("dense.gguf", 16, 12), answered("a.gguf", 9, 12), answered("b.gguf", 15, 5))
		return must(t, append(append([]string{"compare"}, paths...), flags...)...).stdout
	}
}

// evaluated is what eval prints of so many models.
func evaluated(models int) func(t *testing.T) string {
	return func(t *testing.T) string {
		var report job.EvalReport
		for i := range models {
			run := answered(fmt.Sprintf("model%d.gguf", i), 16-i, 12)
			m := job.ModelReport{Model: run.Model, Mean: &job.TaskMean{Rule: "papers", Mean: results.Rules[0].Mean(run.Tasks)}}
			m.Perplexity = []job.Measured{{Text: "wikitext2", Protocol: "llm-pruner", Length: 128, Result: eval.Result{Perplexity: 9.5, Stderr: 0.25, Tokens: 635, Rows: 5, TokensPerSecond: 1200}}}
			for _, t := range run.Tasks {
				m.Tasks = append(m.Tasks, job.Accuracy{Task: t.Name, Metric: t.Metric, Acc: t.Acc, AccNorm: t.AccNorm})
			}
			report.Models = append(report.Models, m)
		}
		var out strings.Builder
		printEval(&out, report)
		return out.String()
	}
}
