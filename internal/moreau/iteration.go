package moreau

import (
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// iteration is the running state. It is the objective's weight source (w +
// delta + noise, made on the fly) and gradient sink (the step, taken at once).
type iteration struct {
	be     backend.Backend
	cfg    *model.Config
	base   transformer.WeightSource
	opts   Options
	moving []model.Param
	delta  map[string]backend.Buffer
	mean   map[string]backend.Buffer
	step   int
	trace  []Trace
}

func newIteration(be backend.Backend, cfg *model.Config, base transformer.WeightSource, moving []model.Param, opts Options) *iteration {
	opts.Avg = min(opts.Avg, opts.Steps)
	if opts.Still {
		opts.Avg = 1 // the last iterate is the mean already
	}
	it := &iteration{be: be, cfg: cfg, base: base, opts: opts, moving: moving,
		delta: map[string]backend.Buffer{}, mean: map[string]backend.Buffer{}}
	for _, p := range moving {
		it.delta[p.Name] = be.New(p.Len())
		it.mean[p.Name] = be.New(p.Len())
	}
	return it
}

func (it *iteration) free() {
	for _, p := range it.moving {
		it.be.Free(it.delta[p.Name])
		it.be.Free(it.mean[p.Name])
	}
}

func (it *iteration) result() *Result {
	for _, b := range it.delta {
		it.be.Free(b)
	}
	return &Result{Mean: it.mean, Trace: it.trace}
}

// Weight implements transformer.WeightSource: w + delta + noise of this step.
func (it *iteration) Weight(p model.Param) (backend.Buffer, error) {
	w, err := it.base.Weight(p)
	delta, moves := it.delta[p.Name]
	if err != nil || !moves {
		return w, err
	}
	defer it.base.Release(p, w)
	if it.opts.Still {
		delta = nil
	}
	z, out := it.be.New(p.Len()), it.be.New(p.Len())
	defer it.be.Free(z)
	it.opts.Noise(it.step, p, z)
	it.be.Perturb(out, w, delta, z, float32(it.opts.Std), it.opts.Absolute)
	return out, nil
}

// Release implements transformer.WeightSource.
func (it *iteration) Release(p model.Param, b backend.Buffer) {
	if _, moves := it.delta[p.Name]; moves {
		it.be.Free(b)
		return
	}
	it.base.Release(p, b)
}

// Wants implements transformer.GradSink.
func (it *iteration) Wants(p model.Param) bool { return it.delta[p.Name] != nil }

// Grad implements transformer.GradSink: delta -= lr·(g + delta/rho).
func (it *iteration) Grad(p model.Param, g backend.Buffer) error {
	if it.opts.Still {
		it.be.Axpby(it.delta[p.Name], 1/float32(it.opts.Steps), g, 1)
		return nil
	}
	keep := 1.0
	if it.opts.Rho > 0 {
		keep = 1 - it.opts.LR/it.opts.Rho
	}
	it.be.Axpby(it.delta[p.Name], float32(-it.opts.LR), g, float32(keep))
	return nil
}

// finishStep thresholds delta, adds it to the mean if it is one of the last
// Avg, and returns its norm.
func (it *iteration) finishStep() float64 {
	switch it.opts.Threshold {
	case CoupledUnits:
		it.thresholdUnits()
	case Rows:
		it.thresholdRows()
	}
	var norm2 float64
	for _, p := range it.moving {
		d := it.delta[p.Name]
		if it.opts.Steps-it.step <= it.opts.Avg {
			it.be.Axpby(it.mean[p.Name], 1/float32(it.opts.Avg), d, 1)
		}
		whole := []float64{0}
		it.be.UnitSumSquares(whole, d, backend.Units{Rows: 1, Cols: p.Len(), Axis: 0, Width: 1})
		norm2 += whole[0]
	}
	return math.Sqrt(norm2)
}

// thresholdUnits applies the group soft threshold to each coupled unit.
func (it *iteration) thresholdUnits() {
	for _, dim := range it.cfg.Dims() {
		sums := make([]float64, dim.Units)
		scalars := 0
		it.eachOf(dim, func(p model.Param, u backend.Units) {
			it.be.UnitSumSquares(sums, it.delta[p.Name], u)
			scalars += p.Len() / dim.Units
		})
		factors := make([]float32, dim.Units)
		for u, s := range sums {
			rms := math.Sqrt(s / float64(max(1, scalars)))
			factors[u] = float32(max(0, 1-it.opts.LR*it.opts.Eta/rms))
		}
		it.eachOf(dim, func(p model.Param, u backend.Units) { it.be.UnitScale(it.delta[p.Name], factors, u) })
	}
}

// eachOf calls f for each moving parameter with an axis along dim.
func (it *iteration) eachOf(dim model.Dim, f func(model.Param, backend.Units)) {
	for _, p := range it.moving {
		if i := p.Axis(dim); i >= 0 {
			f(p, UnitsOf(p, i))
		}
	}
}

// UnitsOf cuts p along its axis i.
func UnitsOf(p model.Param, i int) backend.Units {
	shape := p.Shape()
	u := backend.Units{Rows: shape[0], Cols: 1, Axis: i, Width: p.Axes[i].Width}
	if len(shape) == 2 {
		u.Cols = shape[1]
	}
	return u
}

// thresholdRows is the published code's rule (moreauprune.py at ce5453f).
func (it *iteration) thresholdRows() {
	for _, p := range it.moving {
		rows := p.Axes[0].Size()
		u := backend.Units{Rows: rows, Cols: p.Len() / rows, Axis: 0, Width: 1}
		sums := make([]float64, rows)
		it.be.UnitSumSquares(sums, it.delta[p.Name], u)
		factors := make([]float32, rows)
		for i, s := range sums {
			if r := math.Sqrt(s / float64(u.Cols)); r > it.opts.Eta*it.opts.LR {
				factors[i] = float32(1 - it.opts.Eta/r)
			}
		}
		it.be.UnitScale(it.delta[p.Name], factors, u)
	}
}
