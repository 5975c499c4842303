package moreau

import (
	"errors"
	"fmt"
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
	moves  map[string]bool
	store  Store
	step   int
	given  map[string]bool           // parameters whose weights this step has given once
	held   map[string]backend.Buffer // deltas that Weight opened and nobody closed yet
	norm2  float64                   // of the deltas settled in this step
	trace  []Trace
}

func newIteration(be backend.Backend, cfg *model.Config, base transformer.WeightSource, moving []model.Param, opts Options) *iteration {
	opts.Avg = min(opts.Avg, opts.Steps)
	if opts.Still {
		opts.Avg = 1 // the last iterate is the mean already
	}
	it := &iteration{be: be, cfg: cfg, base: base, opts: opts, moving: moving, moves: map[string]bool{}, store: opts.Store,
		given: map[string]bool{}, held: map[string]backend.Buffer{}}
	for _, p := range moving {
		it.moves[p.Name] = true
	}
	return it
}

// Weight implements transformer.WeightSource: w + delta + noise of this step.
func (it *iteration) Weight(p model.Param) (backend.Buffer, error) {
	w, err := it.base.Weight(p)
	if err != nil || !it.moves[p.Name] {
		return w, err
	}
	defer it.base.Release(p, w)
	if it.shifted() {
		if it.held[p.Name], err = it.store.Open(Delta, p); err != nil {
			return nil, err
		}
	}
	z, out := it.be.New(p.Len()), it.be.New(p.Len())
	defer it.be.Free(z)
	it.opts.Noise(it.step, p, z)
	it.be.Perturb(out, w, it.held[p.Name], z, float32(it.opts.Std), it.opts.Absolute)
	it.announceGrad(p)
	return out, nil
}

// shifted says that delta is a part of the weights; before the first step it is 0.
func (it *iteration) shifted() bool { return !it.opts.Still && it.step > 0 }

// announceGrad tells the store what Grad will open: weights that are asked for
// again are those of the backward pass.
func (it *iteration) announceGrad(p model.Param) {
	if !it.given[p.Name] {
		it.given[p.Name] = true
		return
	}
	if !it.shifted() {
		it.store.Ahead(Delta, p)
	}
	if it.averages() && it.opts.Threshold == None {
		it.store.Ahead(Mean, p)
	}
}

// Ahead implements transformer.Foreseeing.
func (it *iteration) Ahead(params []model.Param) {
	if base, ok := it.base.(transformer.Foreseeing); ok {
		base.Ahead(params)
	}
	for _, p := range params {
		if it.moves[p.Name] && it.shifted() {
			it.store.Ahead(Delta, p)
		}
	}
}

// Release implements transformer.WeightSource.
func (it *iteration) Release(p model.Param, b backend.Buffer) {
	if !it.moves[p.Name] {
		it.base.Release(p, b)
		return
	}
	it.be.Free(b)
	if delta := it.take(p); delta != nil {
		it.store.Close(Delta, p, delta, false) // cannot fail: nothing is written
	}
}

// take is the delta that Weight opened for p, which is then the caller's to close.
func (it *iteration) take(p model.Param) backend.Buffer {
	delta := it.held[p.Name]
	delete(it.held, p.Name)
	return delta
}

// Wants implements transformer.GradSink.
func (it *iteration) Wants(p model.Param) bool { return it.moves[p.Name] }

// Grad implements transformer.GradSink: delta -= lr·(g + delta/rho).
func (it *iteration) Grad(p model.Param, g backend.Buffer) error {
	change := func(delta backend.Buffer) error {
		it.move(delta, g)
		if it.opts.Threshold != None { // settled at the end of the step, when it may have spread to coupled tensors
			_, err := it.squares(p, delta)
			return err
		}
		return it.settle(p, delta)
	}
	if delta := it.take(p); delta != nil {
		return errors.Join(change(delta), it.store.Close(Delta, p, delta, !it.ends()))
	}
	return it.use(Delta, p, !it.ends(), change)
}

func (it *iteration) move(delta, g backend.Buffer) {
	if it.opts.Still {
		it.be.Axpby(delta, 1/float32(it.opts.Steps), g, 1)
		return
	}
	keep := 1.0
	if it.opts.Rho > 0 {
		keep = 1 - it.opts.LR/it.opts.Rho
	}
	it.be.Axpby(delta, float32(-it.opts.LR), g, float32(keep))
}

// use opens an array for f.
func (it *iteration) use(a Array, p model.Param, changes bool, f func(backend.Buffer) error) error {
	b, err := it.store.Open(a, p)
	if err != nil {
		return err
	}
	return errors.Join(f(b), it.store.Close(a, p, b, changes))
}

// settle takes account of a delta that is final for this step: its norm, and
// the mean if the step is one of the last Avg.
func (it *iteration) settle(p model.Param, delta backend.Buffer) error {
	sum, err := it.squares(p, delta)
	if err != nil {
		return err
	}
	it.norm2 += sum
	if !it.averages() {
		return nil
	}
	return it.use(Mean, p, true, func(mean backend.Buffer) error {
		it.be.Axpby(mean, 1/float32(it.opts.Avg), delta, 1)
		return nil
	})
}

// squares is the sum of the squares of delta; that it is not finite is an error.
func (it *iteration) squares(p model.Param, delta backend.Buffer) (float64, error) {
	whole := backend.Reduce(it.be, 1, func(sum backend.Sums) {
		it.be.UnitSumSquares(sum, delta, backend.Units{Rows: 1, Cols: p.Len(), Axis: 0, Width: 1})
	})[0]
	err := transformer.Finite(fmt.Sprintf("step %d: the gradient of %s", it.step+1, p.Name), whole)
	if err != nil {
		err = fmt.Errorf("%w; lower --lr or --std, or check the weights", err)
	}
	return whole, err
}

// ends says that nobody asks for the deltas of this step once they are settled.
func (it *iteration) ends() bool { return it.step == it.opts.Steps-1 && it.opts.Threshold == None }

// averages says that the iterate of this step is one of those averaged.
func (it *iteration) averages() bool { return it.opts.Steps-it.step <= it.opts.Avg }

// finishStep thresholds delta and returns its norm.
func (it *iteration) finishStep() (norm float64, err error) {
	switch it.opts.Threshold {
	case CoupledUnits:
		err = it.thresholdUnits()
	case Rows:
		err = it.thresholdRows()
	}
	for _, p := range it.moving {
		if it.opts.Threshold != None && err == nil {
			err = it.use(Delta, p, false, func(delta backend.Buffer) error { return it.settle(p, delta) })
		}
	}
	clear(it.given)
	norm, it.norm2 = math.Sqrt(it.norm2), 0
	return norm, err
}

// thresholdUnits applies the group soft threshold to each coupled unit.
func (it *iteration) thresholdUnits() error {
	for _, dim := range it.cfg.Dims() {
		scalars, err := 0, error(nil)
		squares := backend.Reduce(it.be, dim.Units, func(sums backend.Sums) {
			err = it.eachOf(dim, false, func(p model.Param, delta backend.Buffer, u backend.Units) {
				it.be.UnitSumSquares(sums, delta, u)
				scalars += p.Len() / dim.Units
			})
		})
		if err != nil {
			return err
		}
		factors := make([]float32, dim.Units)
		for u, s := range squares {
			factors[u] = shrink(math.Sqrt(s/float64(max(1, scalars))), it.opts.LR*it.opts.Eta)
		}
		if err := it.eachOf(dim, true, func(_ model.Param, delta backend.Buffer, u backend.Units) {
			it.be.UnitScale(delta, factors, u)
		}); err != nil {
			return err
		}
	}
	return nil
}

// shrink is the group soft threshold's factor, max(0, 1 - by/rms): 0 for a unit that did
// not move, whatever by is.
func shrink(rms, by float64) float32 {
	if rms <= by {
		return 0
	}
	return float32(1 - by/rms)
}

// eachOf opens the delta of each moving parameter with an axis along dim.
func (it *iteration) eachOf(dim model.Dim, changes bool, f func(model.Param, backend.Buffer, backend.Units)) error {
	for _, p := range it.moving {
		i := p.Axis(dim)
		if i < 0 {
			continue
		}
		if err := it.use(Delta, p, changes, func(delta backend.Buffer) error {
			f(p, delta, UnitsOf(p, i))
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
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
func (it *iteration) thresholdRows() error {
	for _, p := range it.moving {
		if err := it.use(Delta, p, true, func(delta backend.Buffer) error {
			it.scaleRows(p, delta)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (it *iteration) scaleRows(p model.Param, delta backend.Buffer) {
	rows := p.Axes[0].Size()
	u := backend.Units{Rows: rows, Cols: p.Len() / rows, Axis: 0, Width: 1}
	factors := make([]float32, rows)
	for i, s := range backend.Reduce(it.be, rows, func(sums backend.Sums) { it.be.UnitSumSquares(sums, delta, u) }) {
		if r := math.Sqrt(s / float64(u.Cols)); r > it.opts.Eta*it.opts.LR {
			factors[i] = float32(1 - it.opts.Eta/r)
		}
	}
	it.be.UnitScale(delta, factors, u)
}
