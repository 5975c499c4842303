package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/load"
)

// rises checks a phase's progress: it never falls, reaches the total at the end, and not at the first call.
func (h *heard) rises(t *testing.T, what string, calls int) {
	t.Helper()
	if !slices.IsSorted(h.done) || len(h.done) < calls || h.done[len(h.done)-1] != h.total || (calls > 1 && h.done[0] >= h.total) {
		t.Errorf("%s: %v of %d", what, h.done, h.total)
	}
}

func TestProgressOfMeasuring(t *testing.T) {
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	j, err := NewEval([]string{load.Builtin}, be, EvalOptions{Texts: &TextOptions{Seq: 512, Chunks: 9}, Mean: "papers"}) // 4 rows a pass
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p := j.Plan()
	texts := p.Models[0].Texts
	if n := len(texts[0].Passes); len(texts) != 1 || n != 3 || texts[0].Name != "held-out" || p.RAM != EvalBytes(j.subjects[0].m, 4, 512) {
		t.Errorf("plan %+v", p)
	}
	h := &heard{}
	r, err := j.Execute(t.Context(), p, h)
	if err != nil {
		t.Fatal(err)
	}
	h.rises(t, "perplexity", 3)
	if !slices.Equal(h.phases, []Phase{Perplexity}) || h.total != 9 || h.ends[0] != r.Models[0].Perplexity[0].Perplexity {
		t.Errorf("phases %v of %d, ended %v, measured %+v", h.phases, h.total, h.ends, r.Models[0].Perplexity)
	}
}

// The phases of pruning come in order, with what they are of and how they end.
func TestPhasesOfPruning(t *testing.T) {
	dir := t.TempDir()
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "model")
	c, err := NewConvert(load.Builtin, OutOptions{Path: model, ShardBytes: 300e3})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	if _, err := c.Execute(t.Context(), plan, h); err != nil {
		t.Fatal(err)
	}
	h.rises(t, "writing", len(plan.Files))
	if h.total != plan.Bytes || h.ends[0] != float64(plan.Bytes) {
		t.Errorf("writing %d bytes, ended %v", h.total, h.ends)
	}
	scoring := quick("taylor")
	scoring.Calib.Text = "builtin:stories"
	j, err := NewPrune(model, be, PruneOptions{Scoring: scoring, Budget: BudgetOptions{Ratio: 0.2, Align: AutoAlign},
		Texts: TextOptions{Seq: 64, Chunks: 2}, Out: OutOptions{Path: filepath.Join(dir, "out")}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h = &heard{}
	r, err := j.Execute(t.Context(), p, h)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Phase{DensePerplexity, Scoring, PrunedPerplexity, Hashing, Writing}; !slices.Equal(h.phases, want) {
		t.Errorf("phases %v, want %v", h.phases, want)
	}
	if h.ends[0] != r.Before[0].Perplexity || h.ends[2] != r.After[0].Perplexity || !math.IsNaN(h.ends[3]) || h.ends[4] != float64(r.Plan.Out.Bytes) {
		t.Errorf("ends %v", h.ends)
	}
}

func TestHashOfRows(t *testing.T) {
	for want, rows := range map[string][][]int32{
		"da72f95aa502d5fd17aaa9ed8898384c02a1ceabe69fdc069832b625bf7e26bc": {{1, 2}, {3}},
		"9380b9ae0461a93930dbe4482f6d13cffeb60569c290dc77274ea0c2326e85ac": {{1}, {2, 3}},
	} {
		if got := hashRows(rows); got != want {
			t.Errorf("%v: %s, want %s", rows, got, want)
		}
	}
}

// The collector's bound holds while a job runs, an eighth below what is allowed, and no longer.
func TestBound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	release := bound(8 << 30)
	if got := debug.SetMemoryLimit(-1); got != 7<<30 {
		t.Errorf("%d bytes", got)
	}
	release()
	bound(0)()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("%d bytes afterwards, %d before", got, before)
	}
}

// The demo compares at a tenth of the parameters; the dense model comes first, the last is written.
func TestDemoPlan(t *testing.T) {
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "demo.gguf")
	j, err := NewDemo(be, OutOptions{Path: out}, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := j.Plan()
	if p.Ratio != 0.1 || p.Seeds != 3 || !slices.Equal(p.Methods, DemoMethods) {
		t.Errorf("plan %+v", p)
	}
	p.Methods, p.Seeds = []string{"random", "l2"}, 2
	r, err := j.Execute(t.Context(), p, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 4 || r.Rows[0].Method != "dense" || r.Rows[0].Parameters != 260_032 || r.Rows[2].Method != "l2" || r.Rows[3].Method != DemoDefault {
		t.Fatalf("rows %+v", r.Rows)
	}
	for _, row := range r.Rows[1:] {
		if row.Parameters > 234_028 || row.Perplexity <= r.Rows[0].Perplexity || row.Deviation > 0 != (row.Method != "l2") {
			t.Errorf("%+v", row)
		}
	}
	if r.Rows[3].Perplexity > 0.8*r.Rows[2].Perplexity {
		t.Errorf("the default does not repair: %+v", r.Rows)
	}
	if info, err := os.Stat(out); err != nil || info.Size() != r.Out.Bytes || r.Dense == r.Pruned || r.Dense == "" {
		t.Errorf("%v, %v, samples %q, %q", info, err, r.Dense, r.Pruned)
	}
}

// Pruning leaves the model alone: a run that saved its state after every step deletes it at the end.
func TestPruneRemovesItsState(t *testing.T) {
	dir := t.TempDir()
	o := quick("moreau")
	o.JournalEvery, o.Scratch = 0, dir
	j, err := NewPrune(load.Builtin, mustCPU(t), PruneOptions{Scoring: o, NoEval: true, Budget: BudgetOptions{Ratio: 0.2, Align: AutoAlign},
		Out: OutOptions{Path: filepath.Join(dir, "out.gguf")}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Execute(t.Context(), p, &heard{}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "out.gguf" {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// Errors keep what they are of, and say nothing of it.
func TestErrors(t *testing.T) {
	inner := errors.New("inner")
	for class, mark := range map[error]func(error) error{ErrUsage: Usage, ErrInput: Input, ErrOutput: Output} {
		err := fmt.Errorf("outer: %w", mark(inner))
		if err.Error() != "outer: inner" || !errors.Is(err, class) || !errors.Is(err, inner) {
			t.Errorf("%v", err)
		}
		for _, other := range []error{ErrUsage, ErrInput, ErrOutput} {
			if other != class && errors.Is(err, other) {
				t.Errorf("%v is %v too", class, other)
			}
		}
	}
	for _, tt := range []struct {
		value int
		ok    bool
	}{{0, false}, {1, true}, {9, true}, {10, false}} {
		if err := Within("n", tt.value, 1, 9); (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrUsage)) {
			t.Errorf("%d of 1 to 9: %v", tt.value, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := estimate(ctx, mustCPU(t), builtinModel(t).Config, builtinModel(t).Weights, work{layers: [2]float64{1, 0}, tokens: 8}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted probe: %v", err)
	}
}

func mustCPU(t *testing.T) *cpu.Backend {
	t.Helper()
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	return be
}
