package importance

import (
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// mask scores a unit by the mean over the calibration sequences of |d loss / d m|,
// m being a factor on what the unit gives to the rest of the model (Michel et al.,
// arXiv 1905.10650; the gates of Molchanov et al., arXiv 1906.10771).
func (r *Run) mask() (Scores, error) {
	b, err := r.Batch(0)
	if err != nil {
		return nil, err
	}
	sink := &maskSink{layers: r.Options.Layers, scores: Scores{}}
	loss, err := r.tr.LossAndGrad(r.Ctx, b, r.Weights, sink)
	if err != nil {
		return nil, err
	}
	r.progress(1, 1, loss)
	return sink.scores, finite(loss)
}

type maskSink struct {
	layers model.Range
	scores Scores
}

func (s *maskSink) Wants(model.Param) bool                 { return false }
func (s *maskSink) Grad(model.Param, backend.Buffer) error { return nil }
func (s *maskSink) WantsMask(d model.Dim) bool             { return s.layers.Has(d.Layer) }

// Mask adds up: the loss is a mean over the sequences already.
func (s *maskSink) Mask(d model.Dim, _ int, gradient []float64) error {
	if s.scores[d] == nil {
		s.scores[d] = make([]float64, d.Units)
	}
	for u, v := range gradient {
		s.scores[d][u] += math.Abs(v)
		if err := transformer.Finite(fmt.Sprintf("the score of %s unit %d", d, u), s.scores[d][u]); err != nil {
			return err
		}
	}
	return nil
}
