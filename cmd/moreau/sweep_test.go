package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/job"
)

// Cells are what prune measures; the same command measures none again, another method its own alone, and a folder goes
// on from what is there.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	sweep := func(args ...string) (cells []job.Cell) {
		return parsed[[]job.Cell](t, must(t, append([]string{"sweep", stories, "--chunks", "8", "-o", dir, "--json"}, args...)...).stdout)
	}
	cells := sweep("--methods", "energy,l2", "--ratios", "5%,0.2")
	if len(cells) != 5 || cells[0].Params != 260032 || !cells[0].Front || cells[0].Cut != nil || cells[4].Method != "l2" || cells[4].Ratio != 0.2 {
		t.Fatalf("%+v", cells)
	}
	out := filepath.Join(t.TempDir(), "out.gguf")
	r := parsed[struct {
		Cut   []job.Measured `json:"perplexity_before_refit"`
		After []job.Measured `json:"perplexity_after"`
	}](t, must(t, "prune", stories, "--chunks", "8", "--method", "energy", "--ratio", "20%", "--tune-masks", "none", "-o", out, "--json").stdout)
	if c := cells[2]; c.After[0].Perplexity != r.After[0].Perplexity || c.Cut[0].Perplexity != r.Cut[0].Perplexity || c.Params >= cells[1].Params {
		t.Errorf("energy at 20 %%: %+v, prune says %+v", c, r)
	}
	for i, c := range cells[1:] {
		beaten := false
		for _, other := range cells {
			beaten = beaten || other.Params <= c.Params && other.After[0].Perplexity < c.After[0].Perplexity
		}
		if c.Front == beaten {
			t.Errorf("cell %d: front is %v", i+1, c.Front)
		}
	}
	first := read(t, filepath.Join(dir, "energy-20%.json"))
	was, err := os.Stat(filepath.Join(dir, "l2-5%.json"))
	if err := errors.Join(err, os.Remove(filepath.Join(dir, "energy-20%.json"))); err != nil {
		t.Fatal(err)
	}
	if again := sweep("--methods", "energy,l2", "--ratios", "5%,20%", "--threads", "1"); len(again) != 5 {
		t.Errorf("%+v", again)
	}
	is, err := os.Stat(filepath.Join(dir, "l2-5%.json"))
	if err != nil || !is.ModTime().Equal(was.ModTime()) {
		t.Errorf("l2 at 5 %% was measured again, %v", err)
	}
	if strip(read(t, filepath.Join(dir, "energy-20%.json"))) != strip(first) {
		t.Error("measured again, a cell differs")
	}
	if other := sweep("--methods", "l2,energy", "--ratios", "5%", "--compensate", "none", "--calib", "builtin:stories"); other[1].Cut != nil || other[1].After[0].Perplexity <= cells[3].After[0].Perplexity {
		t.Errorf("without a refit: %+v", other)
	}
	text := must(t, "sweep", stories, "--chunks", "8", "-o", dir, "--methods", "l2", "--ratios", "5%", "--compensate", "none").stdout
	mentions(t, text, "dense", "l2", "5 %", "wrote "+filepath.Join(dir, "sweep.svg"))
	decoder := xml.NewDecoder(strings.NewReader(read(t, filepath.Join(dir, "sweep.svg"))))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// strip leaves rates out, which no two runs share.
func strip(cell string) string {
	var kept []string
	for _, field := range strings.Split(cell, ",") {
		if !strings.Contains(field, "tokens_per_second") {
			kept = append(kept, field)
		}
	}
	return strings.Join(kept, ",")
}

// What goes decides what is scored.
func TestSweepByQueryHeads(t *testing.T) {
	cells := parsed[[]job.Cell](t, must(t, "sweep", stories, "--units", "query-heads,channels", "--methods", "l1", "--ratios", "40%", "--chunks", "4", "-o", filepath.Join(t.TempDir(), "out"), "--json").stdout)
	if len(cells) != 2 || cells[1].Params > 260032*6/10 {
		t.Errorf("%+v", cells)
	}
}

// Accuracies of cells are those of the model that prune writes.
func TestSweepOfTasks(t *testing.T) {
	task, data := capitals(t)
	dir, out := filepath.Join(t.TempDir(), "sweep"), filepath.Join(t.TempDir(), "out.gguf")
	args := []string{stories, "--chunks", "2", "--compensate", "none"}
	tasks := []string{"--tasks", task, "--data", data}
	sweep := append(append([]string{"sweep"}, args...), append(tasks, "--ratios", "30%", "-o", dir)...)
	cells := parsed[[]job.Cell](t, must(t, append(sweep, "--json")...).stdout)
	must(t, append(append([]string{"prune"}, args...), "--ratio", "30%", "-o", out)...)
	for i, model := range []string{stories, out} {
		r := parsed[job.ModelReport](t, must(t, append([]string{"eval", model, "--json"}, tasks...)...).stdout)
		if len(cells[i].Tasks) != 1 || cells[i].Tasks[0] != r.Tasks[0] || cells[i].Mean != nil {
			t.Errorf("%s: %+v, eval says %+v", model, cells[i].Tasks, r.Tasks)
		}
	}
	mentions(t, must(t, sweep...).stdout, "right", "0.6667 ±")
	mentions(t, read(t, filepath.Join(dir, "sweep.svg")), "capitals, right")
	other := parsed[[]job.Cell](t, must(t, append(sweep, "--limit", "2", "--json")...).stdout)
	if n := other[1].Tasks[0].Acc.N; n != 2 {
		t.Errorf("with --limit 2, %d questions", n)
	}
}

func TestSweepRefusals(t *testing.T) {
	dir := t.TempDir()
	for args, words := range map[string]string{
		"":                                   "say where the results go",
		"-o D --methods best":                `"best" is not known`,
		"-o D --ratios 5":                    "less than 100%",
		"-o D --ratios x":                    `ratio "x"`,
		"-o D --methods taylor --salience x": "known are element1",
		"-o D --compensate bias --damping 1": "--damping is of a refit",
		"-o D --seq 1":                       "--seq 1",
		"-o D --ratios 99%":                  "cannot be reached",
		"-o D --limit 3":                     "go with --tasks",
		"-o D --tasks best --data D":         `"best" is not known`,
		"-o D --mean x":                      "--mean",
	} {
		args := strings.ReplaceAll(args, "D", filepath.Join(dir, "out"))
		refused(t, exitUsage, []string{words}, append([]string{"sweep", stories}, strings.Fields(args)...)...)
	}
	refused(t, exitInput, []string{"missing.gguf"}, "sweep", filepath.Join(dir, "missing.gguf"), "-o", filepath.Join(dir, "out"))
	_, data := capitals(t)
	whole := write(t, filepath.Join(data, "whole.json"), `{"name": "whole", "text": "{{.country}}", "data": [{"file": "capitals.jsonl"}]}`)
	refused(t, exitUsage, []string{"read whole"}, "sweep", stories, "--tasks", whole, "--data", data, "-o", filepath.Join(dir, "out"))
	text := write(t, filepath.Join(t.TempDir(), "sweep.json"), "words")
	refused(t, exitOutput, []string{text}, "sweep", stories, "--ppl", "t="+text, "-o", filepath.Dir(text))
}
