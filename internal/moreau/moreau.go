// Package moreau computes the gradient of the loss's Moreau envelope by the
// noisy proximal iteration of MoreauPruner (arXiv 2406.07017, algorithm 1;
// MoreauGrad, arXiv 2302.05294), over any objective that takes weights and
// gives gradients tensor by tensor.
//
// With delta = v - w, delta_0 = 0, step t draws fresh noise z_t and does
//
//	g     = grad L(w + delta_t + noise_t)
//	delta = delta_t - lr · (g + delta_t / rho)
//	delta_{t+1} = threshold(delta)
//
// The result is the mean of the last Avg iterates: up to sign and scale the
// gradient of the envelope at w.
package moreau

import (
	"context"
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// Objective is the loss of step t and its gradient.
type Objective func(ctx context.Context, step int, w transformer.WeightSource, sink transformer.GradSink) (float64, error)

// Threshold is what happens to delta after each gradient step.
type Threshold int

const (
	// None leaves delta as it is.
	None Threshold = iota
	// CoupledUnits shrinks every coupled unit g of a prunable dimension by
	// max(0, 1 - lr·eta/RMS(delta_g)), RMS over all scalars of the unit in all
	// its tensors: the group soft threshold of the paper.
	CoupledUnits
	// Rows is what the published code does: each output row of each tensor (each
	// entry of a vector) is kept if its RMS r exceeds eta·lr and multiplied by
	// 1 - eta/r, which is negative in between.
	Rows
)

// Options of the iteration. Defaults of the published runs: Steps 10, Avg 5,
// Std 0.05, Rho 0.2, LR 2e-4, Eta 5e-6.
type Options struct {
	Steps     int
	Avg       int     // iterates averaged at the end, at most Steps
	Std       float64 // of the noise, relative to |w| unless Absolute
	Absolute  bool
	LR        float64
	Rho       float64 // proximal parameter; 0 leaves the proximal term out
	Eta       float64
	Threshold Threshold
	Noise     Noise
	Store     Store    // where delta and its mean are kept
	Journal   *Journal // saves the state after steps and continues from it; nil: not

	// Still gathers the mean gradient over all steps instead of moving the
	// weights: SmoothGrad (arXiv 1706.03825), the limit of small lr.
	Still bool
}

// Noise fills z with the standard normal draws of one step and parameter. It
// must give the same draws whenever it is asked.
type Noise func(step int, p model.Param, z backend.Buffer)

// Counter is the noise of a counter-based generator: draw i of a parameter
// depends on seed, step, the parameter's name and i alone.
func Counter(be backend.Backend, seed uint64) Noise {
	return func(step int, p model.Param, z backend.Buffer) {
		be.Normal(z, seed, streamOf(step, p.Name))
	}
}

// streamOf mixes step and name into one stream number (FNV-1a).
func streamOf(step int, name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return (h ^ uint64(step)) * 1099511628211
}

// Trace is what one step saw.
type Trace struct {
	Loss      float64 // at w + delta + noise, before the step
	DeltaNorm float64 // L2 norm of delta over all moving parameters, after the step
}

// Run iterates over the moving parameters; base gives w. After each step it
// calls progress, if not nil. The result is opts.Store's array Mean, and the
// trace of all steps, those before a crash included.
func Run(ctx context.Context, be backend.Backend, cfg *model.Config, base transformer.WeightSource, moving []model.Param,
	objective Objective, opts Options, progress func(step int, t Trace)) ([]Trace, error) {
	if opts.Steps < 1 || opts.Avg < 1 {
		return nil, fmt.Errorf("moreau: %d steps averaging %d, want at least 1", opts.Steps, opts.Avg)
	}
	it := newIteration(be, cfg, base, moving, opts)
	if err := it.restore(progress); err != nil {
		return nil, err
	}
	for it.step = len(it.trace); it.step < opts.Steps; it.step++ {
		loss, err := objective(ctx, it.step, it, it)
		if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
			err = fmt.Errorf("the loss of step %d is %v: lower --lr or --std, or check the weights", it.step+1, loss)
		}
		if err != nil {
			return nil, err
		}
		norm, err := it.finishStep()
		if err != nil {
			return nil, err
		}
		it.trace = append(it.trace, Trace{Loss: loss, DeltaNorm: norm})
		if progress != nil {
			progress(it.step, it.trace[it.step])
		}
		if opts.Journal != nil && it.step+1 < opts.Steps {
			if err := opts.Journal.save(be, it.store, moving, it.trace); err != nil {
				return nil, err
			}
		}
	}
	return it.trace, nil
}

// restore continues where the journal stands.
func (it *iteration) restore(progress func(int, Trace)) (err error) {
	if it.opts.Journal == nil {
		return nil
	}
	it.trace, err = it.opts.Journal.restore(it.be, it.store, it.moving)
	for step, t := range it.trace {
		if progress != nil {
			progress(step, t)
		}
	}
	return err
}
