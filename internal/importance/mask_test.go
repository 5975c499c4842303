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

// The scores are sums over the sequences of |g| and of N/2·g², g being the sum of w·dw of each sequence alone, as a share of the mean
// over all N tokens; of KV groups or query heads, and channels.
func TestMaskScores(t *testing.T) {
	be := newBackend(t)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
				run := goldenRun(t, be, g, "element1")
				run.Config = cfg
				testMaskScores(t, run, g.Batch(t), "mask", math.Abs)
				n := float64(g.Batch(t).Targets())
				testMaskScores(t, run, g.Batch(t), "mask-fisher", func(v float64) float64 { return n / 2 * v * v })
			}
		})
	}
}

func testMaskScores(t *testing.T, run Run, b transformer.Batch, name string, counts func(gradient float64) float64) {
	method, err := FindMethod(name)
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
				want[d][u] += counts(v * float64(b.Sequence(i).Targets()) / float64(b.Targets()))
			}
		}
	}
	if len(got) != 2*len(run.Config.Layers) {
		t.Errorf("%d dimensions scored, want two a layer", len(got))
	}
	for d, scores := range got {
		if e := relL2(scores, want[d]); !(e <= 1e-4) {
			t.Errorf("%s, %s: relative L2 error %g > 1e-4", name, d, e)
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

// tokenMasks adds up what masks at single tokens count, in plain loops over activations and their gradients.
type tokenMasks struct {
	run       Run
	predicted float64
	scores    Scores
}

func (g tokenMasks) Sees(_ int, at transformer.Site) transformer.Sight {
	if at == transformer.Channels || at == transformer.HeadsOut {
		return transformer.WithGradient
	}
	return transformer.Unseen
}

func (g tokenMasks) See(s transformer.Seen) error {
	d := (&g.run).sites()[site{s.Layer, s.Site}]
	g.scores[d] = make([]float64, d.Units)
	x, dx := goldentest.Host(g.run.Backend, s.X), goldentest.Host(g.run.Backend, s.DX)
	for b, n := range s.Lengths {
		for t := b * s.T; t < b*s.T+n; t++ {
			for u := range d.Units {
				var sum float64
				for j := u * s.Width / d.Units; j < (u+1)*s.Width/d.Units; j++ {
					sum += float64(x[t*s.Width+j]) * float64(dx[t*s.Width+j])
				}
				g.scores[d][u] += g.predicted / 2 * sum * sum
			}
		}
	}
	return nil
}

// Scores by tokens sum up squares of each token, units as a whole, whatever the rows' lengths and however many tokens are
// taken at once. Of rows of one target, they are those by rows.
func TestTokenMasks(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	pairs, rows := [][]int32{}, [][]int32{make([]int32, 2*tokensAtOnce+9), make([]int32, 30)}
	for i := range 40 {
		pairs = append(pairs, []int32{int32(i), int32((i*7 + 3) % 251)})
	}
	for _, row := range rows {
		for j := range row {
			row[j] = int32((j*13 + len(row)) % 251)
		}
	}
	for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
		run := goldenRun(t, be, g, "element1")
		run.Config = cfg
		run.Options.Layers = cfg.AllLayers()
		batch := func(rows [][]int32) transformer.Batch {
			b, err := transformer.NewBatch(rows)
			if err != nil {
				t.Fatal(err)
			}
			run.Batch = func(int) (transformer.Batch, error) { return b, nil }
			return b
		}
		b := batch(rows)
		naive := tokenMasks{run, float64(b.Targets()), Scores{}}
		if _, err := transformer.New(be, cfg).Pass(context.Background(), b, run.Weights, transformer.Watch{Tap: naive}); err != nil {
			t.Fatal(err)
		}
		for d, units := range score(t, "mask-fisher-token", run) {
			if e := relL2(units, naive.scores[d]); !(e <= 1e-5) {
				t.Errorf("%s: relative L2 error %g > 1e-5", d, e)
			}
		}
		batch(pairs)
		byRow := score(t, "mask-fisher", run)
		for d, units := range score(t, "mask-fisher-token", run) {
			if e := relL2(units, byRow[d]); !(e <= 1e-5) {
				t.Errorf("rows of one target, %s: relative L2 error %g > 1e-5", d, e)
			}
		}
	}
}
