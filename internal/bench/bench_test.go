package bench

import (
	"math"
	"strings"
	"testing"
	"time"

	"moreau/internal/backend/cpu"
	"moreau/internal/model"
)

// Every op of a small model runs, and none stands in the list twice.
func TestOpsRun(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &model.Config{HiddenSize: 16, HeadDim: 4, VocabSize: 50, Layers: []model.Layer{{Heads: 4, KVHeads: 2, Intermediate: 24}}}
	seen := map[string]bool{}
	for _, op := range Ops(cfg, 2, 6) {
		id := op.Name + " " + op.Shape
		if seen[id] || op.Work <= 0 {
			t.Errorf("%s occurs twice, or does nothing (%g)", id, op.Work)
		}
		seen[id] = true
		run, free := op.Prepare(be)
		run()
		run()
		free()
	}
	for _, id := range []string{"linear/dw 12 x 16 -> 24", "linear/dx 12 x 16 -> 8", "linear/forward 12 x 16 -> 50",
		"attention/backward 2 x 6 of 6, 4/2 heads of 4", "rope/forward 12 x 16", "perturb 12 x 24"} {
		if !seen[id] {
			t.Errorf("%q is missing", id)
		}
	}
}

func TestSpeed(t *testing.T) {
	product := Linear(100, 200, 300)[0]
	if got := product.Speed(time.Millisecond); got != 12 { // 2·100·200·300 operations
		t.Errorf("%g GFLOP/s, want 12", got)
	}
	if got := Elements(10, 100)[0].Speed(time.Microsecond); got != 1 {
		t.Errorf("%g ns a value, want 1", got)
	}
}

func TestRepeat(t *testing.T) {
	n := 0
	times := repeat(func() { n++ }, 5, 0)
	if n != 5 || len(times) != 5 || times[0] > times[4] || times[0] <= 0 {
		t.Errorf("%d runs, times %v", n, times)
	}
}

func TestPeakIsPositive(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	if p := Peak(be); !(p > 0) || math.IsInf(p, 0) {
		t.Errorf("peak %g", p)
	}
}

func TestParse(t *testing.T) {
	const x86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 fma avx512f\n\nprocessor\t: 1\nmodel name\t: other\n"
	const arm = "processor\t: 0\nFeatures\t: fp asimd bf16\nCPU part\t: 0xd4f\n"
	for _, c := range []struct{ info, name, flags string }{
		{x86, "AMD EPYC (AuthenticAMD, family 26, model 2)", "fma avx2 avx512f"},
		{arm, "", "asimd bf16"},
		{"", "", ""},
	} {
		name, flags := parse(c.info)
		if name != c.name || strings.Join(flags, " ") != c.flags {
			t.Errorf("%q, %q, want %q, %q", name, flags, c.name, c.flags)
		}
	}
}
