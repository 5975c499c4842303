package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// Every number that the options of texts, tasks, rows and benchmarks bound: the last that is
// taken, and the first that is not, which the error names.
func TestLimitsOfNumbers(t *testing.T) {
	rolling := func(o TextOptions) TextOptions { o.Protocol = "rolling"; return o }
	texts := func(o TextOptions) error { _, err := o.protocol(); return err }
	scoring := func(change func(*ScoringOptions)) error {
		o := DefaultScoring()
		change(&o)
		return o.Check()
	}
	bench := func(rows, tokens int) error {
		_, err := NewBench(mustCPU(t), nil, BenchOptions{Like: []string{"smollm2-135m"}, Rows: rows, SeqLen: tokens})
		return err
	}
	for _, tt := range []struct {
		flag        string
		least, most int
		check       func(n int) error
	}{
		{"seq", 2, MostRows, func(n int) error { return texts(TextOptions{Seq: n}) }},
		{"chunks", 0, MostSteps, func(n int) error { return texts(TextOptions{Seq: 8, Chunks: n}) }},
		{"max-length", 0, MostRows, func(n int) error { return texts(rolling(TextOptions{Seq: 8, MaxLength: n})) }},
		{"steps", 1, MostSteps, func(n int) error { return scoring(func(o *ScoringOptions) { o.Envelope.Steps = n }) }},
		{"avg", 1, MostSteps, func(n int) error { return scoring(func(o *ScoringOptions) { o.Envelope.Avg = n }) }},
		{"rows", 0, MostRows, func(n int) error { return scoring(func(o *ScoringOptions) { o.Calib.Rows = n }) }},
		{"seq-len", 2, MostRows, func(n int) error { return scoring(func(o *ScoringOptions) { o.Calib.SeqLen = n }) }},
		{"rows", 1, MostRows, func(n int) error { return bench(n, 2) }},
		{"seq-len", 2, MostRows, func(n int) error { return bench(1, n) }},
		{"threads", 0, MostThreads, func(n int) error {
			return OutOptions{Path: filepath.Join(t.TempDir(), "out"), Threads: n}.Check("")
		}},
	} {
		for n, ok := range map[int]bool{tt.least - 1: false, tt.least: true, tt.most: true, tt.most + 1: false} {
			err := tt.check(n)
			if (err == nil) != ok || err != nil && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), fmt.Sprintf("--%s %d", tt.flag, n))) {
				t.Errorf("--%s %d: %v", tt.flag, n, err)
			}
		}
	}
	for protocol, words := range map[string]string{"": "--max-length goes with --protocol rolling", "rolling": "", "gptq": "--max-length goes with", "nearly": "--protocol"} {
		o := TextOptions{Seq: 8, MaxLength: 8, Protocol: protocol}
		if err := texts(o); (err == nil) != (words == "") || err != nil && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), words)) {
			t.Errorf("--max-length with --protocol %q: %v", protocol, err)
		}
	}
}

// So many rows, or documents, are measured at most; 0 is all.
func TestMostChunks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.jsonl")
	put(t, file, strings.Repeat(`{"text": "Once upon a time there was a cat who sat on a mat."}`+"\n", 3))
	m := builtinModel(t)
	for _, protocol := range []string{"", "rolling"} {
		all := 0
		for _, most := range []int{0, 1, 2, 3, 1000} {
			texts, err := TextOptions{Files: []NamedFile{{"d", file}}, Protocol: protocol, Seq: 12, Chunks: most}.load(m, "")
			if err != nil {
				t.Fatal(err)
			}
			if most == 0 {
				all = len(texts[0].rows)
			}
			want := all
			if most > 0 {
				want = min(all, most)
			}
			if x := texts[0]; len(x.rows) != want || want < 1 || (x.docs != nil) != (protocol == "rolling") || x.docs != nil && (len(x.docs) != want || all != 3) {
				t.Errorf("protocol %q, --chunks %d: %d rows, %d documents of %d", protocol, most, len(x.rows), len(x.docs), all)
			}
		}
	}
}

// A model that fits as it is needs no cut; one byte less is one.
func TestSizeOfTheWholeModel(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m.gguf")
	m := builtinModel(t)
	e, err := exported(m, whole(m), out)
	if err != nil {
		t.Fatal(err)
	}
	f16 := tensor.F16
	size, _, err := export.Sizes(e, out, export.Options{DType: &f16})
	if err != nil {
		t.Fatal(err)
	}
	for most, ok := range map[int64]bool{size + 1: false, size: false, size - 1: true} {
		j, err := NewPrune(load.Builtin, mustCPU(t), PruneOptions{Scoring: quick("l1"), NoEval: true,
			Budget: BudgetOptions{Size: most, Align: AutoAlign}, Out: OutOptions{Path: out, DType: &f16}})
		if err == nil {
			var p PrunePlan
			if p, err = j.Plan(t.Context()); err == nil && (p.BytesAfter > most) {
				t.Errorf("--size %d: %d bytes", most, p.BytesAfter)
			}
			j.Close()
		}
		if (err == nil) != ok || err != nil && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "fits as it is")) {
			t.Errorf("--size %d of %d: %v", most, size, err)
		}
	}
}

// plan.json and scores.json say of a run what it was: each field against where it comes from.
func TestWhatFilesSayOfARun(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	o := quick("l1")
	o.Seed = 7
	j, err := NewPrune(load.Builtin, mustCPU(t), PruneOptions{Scoring: o, NoEval: true, DropLayers: "1", Budget: BudgetOptions{LayerRatio: 0.5, Align: AutoAlign},
		Out: OutOptions{Path: at("m.gguf")}, SaveScores: at("scores.json"), SavePlan: at("plan.json"), Program: "program 1", Command: "the command"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Execute(t.Context(), p, &heard{}); err != nil {
		t.Fatal(err)
	}
	back, err := load.Open(at("m.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	weights, err := hashModel(t.Context(), builtinModel(t), 1, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	said := func(name string) map[string]any {
		data, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for name, want := range map[string]map[string]any{
		"plan.json": {"program": "program 1", "command": "the command", "model": load.Builtin, "weights_sha256": weights, "seed": 7.,
			"params_before": float64(builtinModel(t).Config.ParamCount()), "params_after": float64(back.Config.ParamCount())},
		"scores.json": {"program": "program 1", "command": "the command", "model": load.Builtin, "weights_sha256": weights, "seed": 7., "method": "l1"},
	} {
		got := said(name)
		if manifest, ok := got["manifest"].(map[string]any); ok {
			got = manifest
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %v, want %v", name, key, got[key], value)
			}
		}
	}
	if back.Config.ParamCount() >= builtinModel(t).Config.ParamCount() || len(back.Config.Layers) != len(builtinModel(t).Config.Layers)-1 {
		t.Errorf("%d parameters, %d layers", back.Config.ParamCount(), len(back.Config.Layers))
	}
}
