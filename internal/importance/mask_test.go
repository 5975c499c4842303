package importance

import (
	"context"
	"math"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// columnSums sums w·dw over each unit's columns of o_proj and down_proj, from the
// gradients of the weights, which the method mask does without.
type columnSums struct {
	be   backend.Backend
	w    transformer.WeightSource
	sums Scores
}

func (c *columnSums) Wants(p model.Param) bool { return p.Role == model.O || p.Role == model.Down }

func (c *columnSums) Grad(p model.Param, grad backend.Buffer) error {
	w, err := c.w.Weight(p)
	if err != nil {
		return err
	}
	defer c.w.Release(p, w)
	d := p.Axes[1].Dim
	c.sums[d] = backend.Reduce(c.be, d.Units, func(sums backend.Sums) {
		c.be.UnitDots(sums, w, grad, backend.Units{Rows: p.Axes[0].Size(), Cols: p.Axes[1].Size(), Axis: 1, Width: p.Axes[1].Width})
	})
	return nil
}

// The score is the mean over the sequences of |sum of w·dw|, each sequence alone; of
// KV groups or query heads, and channels.
func TestMaskScores(t *testing.T) {
	be := newBackend(t)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
				run := goldenRun(t, be, g, "element1")
				run.Config = cfg
				testMaskScores(t, run, g.Batch(t))
			}
		})
	}
}

func testMaskScores(t *testing.T, run Run, b transformer.Batch) {
	method, err := FindMethod("mask")
	if err != nil {
		t.Fatal(err)
	}
	got, err := method.Score(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	want := Scores{}
	for i := range b.B {
		c := &columnSums{be: run.Backend, w: run.Weights, sums: Scores{}}
		if _, err := transformer.New(run.Backend, run.Config).LossAndGrad(context.Background(), b.Sequence(i), run.Weights, c); err != nil {
			t.Fatal(err)
		}
		for d, sums := range c.sums {
			if want[d] == nil {
				want[d] = make([]float64, d.Units)
			}
			for u, v := range sums {
				want[d][u] += math.Abs(v) / float64(b.B)
			}
		}
	}
	if len(got) != 2*len(run.Config.Layers) {
		t.Errorf("%d dimensions scored, want two a layer", len(got))
	}
	for d, scores := range got {
		if e := relL2(scores, want[d]); !(e <= 1e-4) {
			t.Errorf("%s: relative L2 error %g > 1e-4", d, e)
		}
	}
}

func relL2(got, want []float64) float64 {
	var diff, size float64
	for i, v := range want {
		diff += (got[i] - v) * (got[i] - v)
		size += v * v
	}
	return math.Sqrt(diff / size)
}

func TestMaskRefusesSalience(t *testing.T) {
	method, err := FindMethod("mask")
	if err != nil {
		t.Fatal(err)
	}
	if err := method.Check(Options{Salience: "element1"}); err != nil {
		t.Error(err)
	}
	if method.Check(Options{Salience: "vector"}) == nil {
		t.Error("salience vector is not refused, though mask has none")
	}
}
