package moreau

import (
	"context"
	"fmt"
	"math"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// The iterates of testdata/golden with its noise: hyper-parameters in its README.
func TestGoldenIterates(t *testing.T) {
	cases := []struct {
		variant string
		opts    Options
		every   bool
	}{
		{"moreau", Options{Rho: 0.5}, false},
		{"moreau_gs", Options{Rho: 0.5, Eta: 0.003, Threshold: CoupledUnits}, false},
		{"moreau_compat", Options{Eta: 2e-4, Threshold: Rows}, true},
	}
	for _, family := range goldentest.Families {
		for _, c := range cases {
			t.Run(family+"/"+c.variant, func(t *testing.T) {
				g := goldentest.Open(t, family)
				var moving []model.Param
				for _, p := range g.Config.Params() {
					if c.every || p.Prunable() {
						moving = append(moving, p)
					}
				}
				testIterates(t, g, moving, c.variant, c.opts)
			})
		}
	}
}

func testIterates(t *testing.T, g *goldentest.Golden, moving []model.Param, variant string, opts Options) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	opts.Steps, opts.Avg, opts.Std, opts.LR = 4, 2, 0.05, 0.05
	opts.Noise = func(step int, p model.Param, z backend.Buffer) {
		draws := g.Float32(t, fmt.Sprintf("noise.%d.%s", step, p.Name))
		be.Upload(z, func(part []float32, lo int) { copy(part, draws[lo:]) })
	}
	tr, batch := transformer.New(be, g.Config), g.Batch(t)
	objective := func(ctx context.Context, _ int, w transformer.WeightSource, sink transformer.GradSink) (float64, error) {
		return tr.LossAndGrad(ctx, batch, w, sink)
	}
	opts.Store = NewMemory(be)
	trace, err := Run(context.Background(), be, g.Config, transformer.NewStreamed(be, g.Weights), moving, objective, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	losses, norms := g.Float32(t, "trace."+variant+".loss"), g.Float32(t, "trace."+variant+".delta_norm")
	for i, s := range trace {
		if e := relative(s.Loss, float64(losses[i])); !(e <= 1e-5) {
			t.Errorf("step %d: loss %g, want %g", i, s.Loss, losses[i])
		}
		if e := relative(s.DeltaNorm, float64(norms[i])); !(e <= 1e-3) {
			t.Errorf("step %d: delta norm %g, want %g", i, s.DeltaNorm, norms[i])
		}
	}
	for _, p := range moving {
		want := g.Float32(t, "delta."+variant+"."+p.Name)
		mean, err := opts.Store.Open(Mean, p)
		if err != nil {
			t.Fatal(err)
		}
		if e := goldentest.RelL2(goldentest.Host(be, mean), want); !(e <= 1e-3) {
			t.Errorf("delta of %s: relative L2 error %g > 1e-3", p.Name, e)
		}
	}
}

func relative(got, want float64) float64 { return math.Abs(got-want) / math.Abs(want) }
