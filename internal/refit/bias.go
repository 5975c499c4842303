package refit

import (
	"context"
	"errors"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// biasOf is the bias of o or down, if its layer has one.
func biasOf(cfg *model.Config, p model.Param) (model.Param, bool) {
	role := map[model.Role]model.Role{model.O: model.OBias, model.Down: model.DownBias}[p.Role]
	for _, b := range cfg.LayerParams(p.Layer) {
		if b.Role == role {
			return b, true
		}
	}
	return model.Param{}, false
}

// findBias runs a half, adds to the bias of what ends it what the columns that go gave in the mean, and keeps it:
//
//	b' = b + W_P·E[x_P],
//
// the compensation of FLAP (An et al., arXiv 2312.11983), but on the inputs x [F] of the model cut so far.
func (r *Refit) findBias(ctx context.Context, m stage.Model, walk, _ *transformer.Walk, stored transformer.WeightSource, h half, p Projection) error {
	F := p.Axes[1].Size()
	tap := &meanTap{be: r.Backend, layer: p.Layer, at: h.at, sum: r.Backend.NewSums(F), squares: r.Backend.NewSums(F)}
	defer tap.free()
	if err := h.run(walk, ctx, stored, tap); err != nil {
		return err
	}
	if tap.tokens == 0 {
		return errors.New("the rows have one token each; give longer ones")
	}
	w, err := decoded(m, p.Param)
	if err != nil {
		return err
	}
	bias, err := decoded(m, p.gives)
	if err != nil {
		return err
	}
	mean := make([]float64, F)
	r.Backend.ReadSums(mean, tap.sum)
	for o := range bias {
		sum := float64(bias[o])
		for _, j := range p.gone {
			sum += float64(w[o*F+j]) * mean[j] / tap.tokens
		}
		bias[o] = float32(sum)
	}
	return r.keep(m, p, Site{}, bias)
}

// clearColumns makes the columns of w that go zeros.
func clearColumns(w []float32, p Projection) {
	for lo := 0; lo < len(w); lo += p.Axes[1].Size() {
		for _, j := range p.gone {
			w[lo+j] = 0
		}
	}
}

// meanTap sums up what enters a projection, but for the first position of each sequence (see momentTap).
type meanTap struct {
	be           backend.Backend
	layer        int
	at           transformer.Site
	tokens       float64
	sum, squares backend.Sums // [F]
}

func (t *meanTap) free() {
	t.be.FreeSums(t.sum)
	t.be.FreeSums(t.squares)
}

// Sees implements transformer.Tap.
func (t *meanTap) Sees(layer int, at transformer.Site) transformer.Sight {
	if layer == t.layer && at == t.at {
		return transformer.Forward
	}
	return transformer.Unseen
}

// See implements transformer.Tap.
func (t *meanTap) See(s transformer.Seen) error {
	x := counted(t.be, s, s.X, s.Width)
	defer t.be.Free(x)
	for _, n := range s.Lengths {
		t.tokens += float64(n - 1)
	}
	t.be.ColumnMoments(t.sum, t.squares, x, s.Lengths, s.T, s.Width)
	return nil
}
