package importance

import (
	"context"
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// maskForm is what a method makes of the gradients for a mask m on what a unit gives to the rest of the model.
type maskForm struct {
	tokens  bool // a gradient is of the mask at one token, not of one sequence's
	squared bool // it counts squared
}

// What is known of masks: |dL/dm| of each sequence (Michel et al., arXiv 1905.10650; the gates of Molchanov et al.,
// arXiv 1906.10771); the empirical Fisher information of m by sequences (Kwon et al., arXiv 2204.09656) and by tokens
// (the loss proxy of SCAR, arXiv 2604.23475; section 3 of Molchanov et al.).
var (
	maskGradient    = maskForm{}
	maskFisher      = maskForm{squared: true}
	maskFisherToken = maskForm{squared: true, tokens: true}
)

// mask scores a unit by the sum of what the gradients g for its mask count: |g|; or N/2·g², N being the tokens predicted and
// g the gradients' shares in that of the mean loss: half the mean square of the gradients of summed losses, in nats a
// token what the mask's removal costs to the second order.
func (r *Run) mask(ctx context.Context) (Scores, error) {
	b, err := r.Batch(0)
	if err != nil {
		return nil, err
	}
	tap := &maskTap{be: r.Backend, form: r.Options.mask, predicted: float64(b.Targets()), sites: r.sites(), scores: Scores{}}
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

// maskTap adds up what gradients count.
type maskTap struct {
	be        backend.Backend
	form      maskForm
	predicted float64 // tokens
	sites     map[site]model.Dim
	scores    Scores
}

func (m *maskTap) Sees(layer int, at transformer.Site) transformer.Sight {
	if _, ok := m.sites[site{layer, at}]; ok {
		return transformer.WithGradient
	}
	return transformer.Unseen
}

// tokensAtOnce bounds how many gradients of tokens are there at once.
const tokensAtOnce = 64

// See adds up. The gradient of a mask is the sum over the unit's activations of each times its gradient.
func (m *maskTap) See(s transformer.Seen) error {
	d := m.sites[site{s.Layer, s.Site}]
	m.scores[d] = make([]float64, d.Units)
	for b := range s.Lengths {
		x, dx, rows := s.Sequence(b)
		step, each := rows, rows // each: rows of x that share a mask
		if m.form.tokens {
			step, each = tokensAtOnce, 1
		}
		for lo := 0; lo < rows; lo += step {
			hi := min(lo+step, rows)
			m.add(m.scores[d], x.Slice(lo*s.Width, hi*s.Width), dx.Slice(lo*s.Width, hi*s.Width), each, s.Width/d.Units)
		}
	}
	return finiteScores(m.scores[d], d, "")
}

// add adds what the gradients of the masks over x count: of each rows together, and width columns.
func (m *maskTap) add(scores []float64, x, dx backend.Buffer, each, width int) {
	columns := x.Len() / each // those of the units for one mask after the other
	gradients := backend.Reduce(m.be, columns/width, func(sums backend.Sums) {
		m.be.UnitDots(sums, x, dx, backend.Units{Rows: each, Cols: columns, Axis: 1, Width: width})
	})
	for i, g := range gradients {
		v := math.Abs(g)
		if m.form.squared {
			v = m.predicted / 2 * g * g
		}
		scores[i%len(scores)] += v
	}
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
