package importance

import (
	"context"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// influence scores layers as a whole by block influence, 1 - E_t[cos(x_t, y_t)], x and y being the residual stream
// before the layer and behind it (ShortGPT, Men et al., arXiv 2403.03853). The first position of a sequence
// does not count: there the stream is hundreds of times as large as elsewhere, and no layer turns it.
func (r *Run) influence(ctx context.Context) (Scores, error) {
	parts, walk, err := r.walk(ctx)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	scores := Scores{}
	for walk.Next() {
		var sum, tokens float64
		before := make([]backend.Buffer, len(parts))
		for i := range parts {
			before[i] = r.Backend.New(walk.Stream(i).Len())
			r.Backend.Copy(before[i], walk.Stream(i))
		}
		err := walk.Run(ctx, r.Weights, nil)
		for i, b := range parts {
			if err == nil {
				s, n := r.turned(before[i], walk.Stream(i), b.Lengths())
				sum, tokens = sum+s, tokens+n
			}
			r.Backend.Free(before[i])
		}
		if err == nil {
			err = r.scoreLayer(scores, walk.Layer(), sum/tokens)
		}
		if err != nil {
			return nil, err
		}
	}
	return scores, r.walked(ctx, walk, parts)
}

// divergence scores layers as a whole by the Kullback-Leibler divergence KL(whole || without) of the predictions of the
// model without the layer alone from those of the whole one, in nats a token.
func (r *Run) divergence(ctx context.Context) (Scores, error) {
	parts, walk, err := r.walk(ctx)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	for walk.Next() {
		if r.Options.Layers.Has(walk.Layer()) {
			for i := range parts {
				walk.Without(i, r.Weights)
			}
		}
		if err := walk.Run(ctx, r.Weights, nil); err != nil {
			return nil, err
		}
	}
	kl, err := walk.Divergences(ctx, r.Weights)
	if err != nil {
		return nil, err
	}
	var targets float64
	for _, b := range parts {
		targets += float64(b.Targets())
	}
	scores := Scores{}
	for l := range r.Options.Layers.Len() {
		var mean float64
		for i, b := range parts {
			mean += kl[l*len(parts)+i] * float64(b.Targets()) / targets
		}
		if err := r.scoreLayer(scores, r.Options.Layers.First+l, mean); err != nil {
			return nil, err
		}
	}
	return scores, r.walked(ctx, walk, parts)
}

// walk begins a walk over the calibration rows.
func (r *Run) walk(ctx context.Context) ([]transformer.Batch, *transformer.Walk, error) {
	b, err := r.Batch(0)
	if err != nil {
		return nil, nil, err
	}
	parts := b.Parts(WalkTokens)
	walk, err := r.tr.Walk(ctx, parts, r.Weights)
	return parts, walk, err
}

// scoreLayer is the score of a layer as a whole, if it is asked for.
func (r *Run) scoreLayer(scores Scores, layer int, score float64) error {
	if !r.Options.Layers.Has(layer) {
		return nil
	}
	d := r.Config.Dim(layer, model.Whole)
	scores[d] = []float64{score}
	return finiteScores(scores[d], d, "")
}

// turned is the sum over the tokens of x, y [N, C] that count of 1 - cos(x_t, y_t) = (|x-y|² - (|x|-|y|)²) / 2|x||y|, and
// how many these are. Where either is 0, it is 1.
func (r *Run) turned(x, y backend.Buffer, lengths []int) (sum, tokens float64) {
	be, N := r.Backend, x.Len()/r.Config.HiddenSize
	T := N / len(lengths)
	squares := func(v backend.Buffer) []float64 {
		return backend.Reduce(be, N, func(sums backend.Sums) {
			be.UnitSumSquares(sums, v, backend.Units{Rows: N, Cols: r.Config.HiddenSize, Axis: 0, Width: 1})
		})
	}
	off := be.New(x.Len())
	defer be.Free(off)
	be.Copy(off, x)
	be.Axpby(off, -1, y, 1)
	xx, yy, dd := squares(x), squares(y), squares(off)
	for b, n := range lengths {
		for t := b*T + 1; t < b*T+n; t++ {
			tokens++
			longer := math.Sqrt(xx[t]) - math.Sqrt(yy[t])
			if both := math.Sqrt(xx[t] * yy[t]); both > 0 {
				sum += (dd[t] - longer*longer) / (2 * both)
			} else {
				sum++
			}
		}
	}
	return sum, tokens
}
