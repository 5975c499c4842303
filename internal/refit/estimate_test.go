package refit

import (
	"context"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/stage"
)

// What is said is the backend's own count and what the host holds beside it, of the largest projection: no less than the count, and no
// more than both, but for a little that is kept for reuse.
func TestMemoryOfARefit(t *testing.T) {
	for _, name := range []string{"llama_gqa_rope3", "qwen2_bias", "granite"} {
		g := goldentest.Open(t, name)
		m := stage.Model{Config: g.Config, Weights: g.Weights}
		for what, dense := range map[string]float64{"alike": 0, "led back": 0.5, "alone": 0} {
			r := newRefit(t, g, g.Config, 2, t.TempDir())
			r.Dense = dense
			be := r.Backend.(*cpu.Backend)
			e, err := r.Estimate(g.Config)
			if what == "alone" {
				e, err = r.EstimateAlone(g.Config)
			}
			if err != nil || e.FLOPs <= 0 {
				t.Fatal(err, e)
			}
			if what == "alone" {
				_, err = r.Alone(context.Background(), m)
			} else {
				_, err = r.Run(context.Background(), m)
			}
			if err != nil {
				t.Fatal(err)
			}
			var host int64
			for _, held := range r.memory(g.Config).held {
				host = max(host, held)
			}
			if count := be.Peak(); e.Bytes < count*9/10 || e.Bytes > (count+host)*11/10 {
				t.Errorf("%s, %s: %d bytes are said, the backend counts %d, the host has up to %d", name, what, e.Bytes, count, host)
			}
		}
	}
}

// What a projection would have to give more, where what it gives is multiplied before it is added.
func TestAheadOfAScaledStream(t *testing.T) {
	g := goldentest.Open(t, "granite")
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	if g.Config.ResidualScale == 0 || g.Config.ResidualScale == 1 {
		t.Fatalf("a scale of %g says nothing", g.Config.ResidualScale)
	}
	e := goldentest.Host(be, ahead(be, g.Config, upload(be, []float32{3, 1}), upload(be, []float32{1, 2})))
	if want := []float32{2 / g.Config.ResidualScale, -1 / g.Config.ResidualScale}; !slices.EqualFunc(e, want, func(a, b float32) bool { return a-b < 1e-5 && b-a < 1e-5 }) {
		t.Errorf("%v, want %v", e, want)
	}
}
