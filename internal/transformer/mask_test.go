package transformer_test

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// masks is a Tap that keeps the mask gradients of each sequence: the sums of activation
// times gradient over the units.
type masks struct {
	be    backend.Backend
	cfg   *model.Config
	from  int // first layer wanted
	grads map[model.Dim][][]float64
}

func (m *masks) Sees(layer int, site transformer.Site) transformer.Sight {
	if (site == transformer.HeadsOut || site == transformer.Channels) && layer >= m.from {
		return transformer.WithGradient
	}
	return transformer.Unseen
}

func (m *masks) See(s transformer.Seen) error {
	d := m.cfg.Dim(s.Layer, model.MLP)
	if s.Site == transformer.HeadsOut {
		d = m.cfg.Dim(s.Layer, m.cfg.AttentionKind())
	}
	if m.grads[d] != nil {
		panic(d.String() + " seen twice")
	}
	for b := range s.Lengths {
		x, dx, rows := s.Sequence(b)
		m.grads[d] = append(m.grads[d], backend.Reduce(m.be, d.Units, func(sums backend.Sums) {
			m.be.UnitDots(sums, x, dx, backend.Units{Rows: rows, Cols: s.Width, Axis: 1, Width: s.Width / d.Units})
		}))
	}
	return nil
}

func maskGrads(t *testing.T, be backend.Backend, g *goldentest.Golden, b transformer.Batch, from int) map[model.Dim][][]float64 {
	t.Helper()
	m := &masks{be: be, cfg: g.Config, from: from, grads: map[model.Dim][][]float64{}}
	if _, err := transformer.New(be, g.Config).Pass(context.Background(), b, transformer.NewStreamed(be, g.Weights), transformer.Watch{Tap: m}); err != nil {
		t.Fatal(err)
	}
	return m.grads
}

// A factor m on a unit is one on its columns of o_proj or down_proj, so the mask
// gradient is the sum of w·dw over these: PyTorch's dw is golden.
func TestGoldenMaskGradients(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			grads := maskGrads(t, be, g, g.Batch(t), 0)
			for _, p := range g.Config.Params() {
				if p.Role != model.O && p.Role != model.Down {
					continue
				}
				stored, err := g.Weights.Read(p.Name)
				if err != nil {
					t.Fatal(err)
				}
				got, want := sumOf(grads[p.Axes[1].Dim]), columnDots(p, stored.Float32(), g.Float32(t, "grad."+p.Name))
				if d := goldentest.RelL2(got, want); !(d <= 1e-4) {
					t.Errorf("%s: relative L2 error %g > 1e-4", p.Axes[1].Dim, d)
				}
			}
		})
	}
}

// columnDots is the sum of w·dw over the columns of each unit.
func columnDots(p model.Param, w, dw []float32) []float32 {
	cols, sums := p.Axes[1].Size(), make([]float64, p.Axes[1].Dim.Units)
	for i, v := range w {
		sums[i%cols/p.Axes[1].Width] += float64(v) * float64(dw[i])
	}
	return narrow(sums)
}

func sumOf(sequences [][]float64) []float32 {
	sums := make([]float64, len(sequences[0]))
	for _, s := range sequences {
		for u, v := range s {
			sums[u] += v
		}
	}
	return narrow(sums)
}

func narrow(x []float64) (out []float32) {
	for _, v := range x {
		out = append(out, float32(v))
	}
	return out
}

// The share of a sequence is what a batch of it alone gives, but for the number of
// targets that the loss is a mean of.
func TestMaskGradientsOfSequences(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	b := g.Batch(t)
	all := maskGrads(t, be, g, b, 1)
	for i := range b.B {
		for d, want := range maskGrads(t, be, g, b.Sequence(i), 1) {
			alone := narrow(want[0])
			share := narrow(all[d][i])
			for u := range share {
				share[u] *= float32(b.B)
			}
			if e := goldentest.RelL2(share, alone); !(e <= 1e-4) {
				t.Errorf("sequence %d, %s: relative L2 error %g > 1e-4", i, d, e)
			}
		}
	}
	if len(all) != 2*(len(g.Config.Layers)-1) {
		t.Errorf("%d dimensions, want those of all layers but the first", len(all))
	}
}

// The gradients of masks are the same bytes for every number of threads.
func TestMaskGradientsThreads(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	want := maskGrads(t, newBackend(t, 1), g, g.Batch(t), 0)
	for _, threads := range []int{2, 3, 8} {
		if !reflect.DeepEqual(maskGrads(t, newBackend(t, threads), g, g.Batch(t), 0), want) {
			t.Errorf("%d threads: other mask gradients than with 1", threads)
		}
	}
}

// noWeightGrads fails the test when a gradient of a weight is computed.
type noWeightGrads struct {
	backend.Backend
	t *testing.T
}

func (n noWeightGrads) LinearBackward(dx, dw, dout, x, w backend.Buffer, N, I, O int) {
	if dw != nil {
		n.t.Error("LinearBackward computes dw")
	}
	n.Backend.LinearBackward(dx, dw, dout, x, w, N, I, O)
}

func (n noWeightGrads) RMSNormBackward(dx, dw, dout, x, w, rstd backend.Buffer, N, C int) {
	if dw != nil {
		n.t.Error("RMSNormBackward computes dw")
	}
	n.Backend.RMSNormBackward(dx, dw, dout, x, w, rstd, N, C)
}

func TestMaskGradientsNeedNoWeightGradients(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	be := noWeightGrads{newBackend(t, 2), t}
	if grads := maskGrads(t, be, g, g.Batch(t), 0); len(grads) != 2*len(g.Config.Layers) {
		t.Errorf("%d dimensions, want two a layer", len(grads))
	}
}

// Scaling a unit's columns of down_proj or o_proj by 1±e changes the loss by 2e times
// its mask gradient.
func TestMaskGradientIsTheSlope(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		grads := maskGrads(t, be, g, g.Batch(t), 0)
		for _, d := range []model.Dim{g.Config.Dim(1, model.MLP), g.Config.Dim(1, model.Heads)} {
			grad := sumOf(grads[d])
			unit := steepest(grad)
			const e = 0.05
			slope := (scaledLoss(t, be, g, d, unit, 1+e) - scaledLoss(t, be, g, d, unit, 1-e)) / (2 * e)
			if want := float64(grad[unit]); math.Abs(slope-want) > 0.01*math.Abs(want) {
				t.Errorf("%s %s unit %d: slope %g, mask gradient %g", family, d, unit, slope, want)
			}
		}
	}
}

// steepest is the unit with the largest |gradient|.
func steepest(grad []float32) (unit int) {
	for u, v := range grad {
		if math.Abs(float64(v)) > math.Abs(float64(grad[unit])) {
			unit = u
		}
	}
	return unit
}

// scaledLoss is the loss with a unit's columns of down_proj or o_proj scaled.
func scaledLoss(t *testing.T, be backend.Backend, g *goldentest.Golden, d model.Dim, unit int, factor float32) float64 {
	t.Helper()
	w := &scaledUnit{WeightSource: transformer.NewStreamed(be, g.Weights), be: be, dim: d, unit: unit, factor: factor}
	l, err := transformer.New(be, g.Config).Loss(context.Background(), g.Batch(t), w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// scaledUnit scales one unit's columns of down_proj or o_proj.
type scaledUnit struct {
	transformer.WeightSource
	be     backend.Backend
	dim    model.Dim
	unit   int
	factor float32
}

func (s *scaledUnit) Weight(p model.Param) (backend.Buffer, error) {
	b, err := s.WeightSource.Weight(p)
	if err == nil && (p.Role == model.Down || p.Role == model.O) && p.Axes[1].Dim == s.dim {
		factors := slices.Repeat([]float32{1}, s.dim.Units)
		factors[s.unit] = s.factor
		s.be.UnitScale(b, factors, backend.Units{Rows: p.Axes[0].Size(), Cols: p.Axes[1].Size(), Axis: 1, Width: p.Axes[1].Width})
	}
	return b, err
}
