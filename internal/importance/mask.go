package importance

import (
	"context"
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// mask scores a unit by the mean over the calibration sequences of |d loss / d m|,
// m being a factor on what the unit gives to the rest of the model (Michel et al.,
// arXiv 1905.10650; the gates of Molchanov et al., arXiv 1906.10771).
func (r *Run) mask(ctx context.Context) (Scores, error) {
	b, err := r.Batch(0)
	if err != nil {
		return nil, err
	}
	tap := &maskTap{be: r.Backend, sites: r.sites(), scores: Scores{}}
	p, err := r.tr.Pass(ctx, b, r.Weights, transformer.Watch{Tap: tap})
	if err != nil {
		return nil, err
	}
	loss := b.Loss(p.NLL)
	r.progress(1, 1, loss)
	return tap.scores, finite(loss)
}

// site is where the units of a prunable dimension meet o or down.
type site struct {
	layer int
	at    transformer.Site
}

// sites are those of the scored dimensions.
func (r *Run) sites() map[site]model.Dim {
	at := map[model.Kind]transformer.Site{model.Heads: transformer.HeadsOut, model.QueryHeads: transformer.HeadsOut, model.MLP: transformer.Channels}
	m := map[site]model.Dim{}
	for _, d := range r.Config.Dims() {
		if r.Options.Layers.Has(d.Layer) {
			m[site{d.Layer, at[d.Kind]}] = d
		}
	}
	return m
}

// maskTap adds up |gradient| of each sequence.
type maskTap struct {
	be     backend.Backend
	sites  map[site]model.Dim
	scores Scores
}

func (m *maskTap) Sees(layer int, at transformer.Site) transformer.Sight {
	if _, ok := m.sites[site{layer, at}]; ok {
		return transformer.WithGradient
	}
	return transformer.Unseen
}

// See adds up: the loss is a mean over the sequences already. The gradient of a mask is the
// sum over the unit's activations of each times its gradient.
func (m *maskTap) See(s transformer.Seen) error {
	d := m.sites[site{s.Layer, s.Site}]
	m.scores[d] = make([]float64, d.Units)
	for b := range s.Lengths {
		x, dx, rows := s.Sequence(b)
		gradient := backend.Reduce(m.be, d.Units, func(sums backend.Sums) {
			m.be.UnitDots(sums, x, dx, backend.Units{Rows: rows, Cols: s.Width, Axis: 1, Width: s.Width / d.Units})
		})
		for u, v := range gradient {
			m.scores[d][u] += math.Abs(v)
		}
	}
	return finiteScores(m.scores[d], d, "")
}

// finiteScores is the error about the first of these scores of d that is not finite, after what.
func finiteScores(units []float64, d model.Dim, after string) error {
	for u, v := range units {
		if err := transformer.Finite(fmt.Sprintf("the score of %s unit %d%s", d, u, after), v); err != nil {
			return err
		}
	}
	return nil
}
