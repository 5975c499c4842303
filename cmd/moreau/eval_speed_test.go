package main

import (
	"strings"
	"testing"

	"moreau/internal/job"
)

// timed is the table of a dense and a pruned model.
func timed(*testing.T) string {
	model := func(path string, bytes int64, prompt, generation, ratio float64) job.ModelReport {
		around := func(v float64) job.Spread { return job.Spread{Median: v, Least: v * 0.9, Most: v * 1.1} }
		s := &job.Speed{Type: "Q8_0", Bytes: bytes, Memory: bytes * 3 / 2, Prompt: 512, Tokens: 64, Reading: job.Rates{Rounds: make([]float64, 5), Spread: around(prompt)}, Generation: job.Rates{Spread: around(generation)}}
		if ratio > 0 {
			r := around(ratio)
			s.Reading.Ratio, s.Generation.Ratio = &r, &r
		}
		return job.ModelReport{Model: path, Speed: s}
	}
	var out strings.Builder
	printEval(&out, job.EvalReport{Models: []job.ModelReport{model("dense.gguf", 144810880, 420, 55, 0), model("pruned.gguf", 116199040, 500, 66, 1.2)}})
	return out.String()
}

func TestEvalSpeed(t *testing.T) {
	flags := []string{"--speed", "--prompt-tokens", "9", "--new-tokens", "3", "--rounds", "2"}
	words := must(t, append([]string{"eval", stories, stories}, flags...)...)
	if !strings.Contains(words.stdout, "prompt of 9, tokens/s") || strings.Contains(words.stdout, "perplexity") || !strings.Contains(words.stderr, "2 models in memory at once") {
		t.Error(words.stdout, words.stderr)
	}
	both := must(t, append([]string{"eval", stories, "--ppl", "a=builtin:stories", "--chunks", "1"}, flags...)...).stdout
	if !strings.Contains(both, "perplexity") || !strings.Contains(both, "then 3, tokens/s") {
		t.Error(both)
	}
	r := parsed[job.ModelReport](t, must(t, append([]string{"eval", stories, "--json"}, flags...)...).stdout)
	if r.Speed == nil || len(r.Speed.Generation.Rounds) != 2 || r.Perplexity != nil {
		t.Errorf("%+v", r)
	}
	if r := parsed[job.EvalReport](t, must(t, append([]string{"eval", stories, stories, "--json"}, flags...)...).stdout); len(r.Models) != 2 || r.Models[1].Speed.Reading.Ratio == nil {
		t.Errorf("%+v", r)
	}
	refused(t, exitUsage, []string{"--rounds", "go with --speed"}, "eval", stories, "--rounds", "2")
	refused(t, exitUsage, []string{"context is 512"}, "eval", stories, "--speed")
	refused(t, exitUsage, []string{"without --out"}, append([]string{"eval", stories, "-o", "r.json"}, flags...)...)
}
