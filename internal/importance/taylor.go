package importance

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// taylor scores by the gradient at w. element2 and mix also take the mean, over
// calibration sequences, of the squared gradient of each sequence's own mean loss.
func (r *Run) taylor(ctx context.Context) (Scores, error) {
	b, err := r.Batch(0)
	if err != nil {
		return nil, err
	}
	sink := &taylorSink{red: newReducer(r), wants: names(r.scored())}
	defer sink.red.free()
	var grads transformer.GradSink = sink
	if r.Options.salience.squares {
		squares := &squareSink{taylorSink: sink, batch: b, means: map[string]backend.Buffer{}}
		defer squares.free()
		grads = squares
	}
	loss, err := r.tr.LossAndGrad(ctx, b, r.Weights, grads)
	if err != nil {
		return nil, err
	}
	r.progress(1, 1, loss)
	return sink.red.scores(), finite(loss)
}

// taylorSink reduces each gradient to unit scores as soon as it is known.
type taylorSink struct {
	red   *reducer
	wants map[string]bool
}

func (s *taylorSink) Wants(p model.Param) bool { return s.wants[p.Name] }

func (s *taylorSink) Grad(p model.Param, g backend.Buffer) error { return s.red.add(p, g, nil) }

// squareSink is a taylorSink that holds the mean squared gradients of the layer in hand.
type squareSink struct {
	*taylorSink
	batch transformer.Batch
	means map[string]backend.Buffer
}

// Share implements transformer.SequenceSink. A share is the gradient of the sequence's own
// mean loss, times its part of the batch's targets.
func (s *squareSink) Share(p model.Param, sequence int, grad backend.Buffer) error {
	be := s.red.run.Backend
	if s.means[p.Name] == nil {
		s.means[p.Name] = be.New(p.Len())
	}
	if own := s.batch.Sequence(sequence).Targets(); own > 0 { // else its gradient is 0
		scale := float64(s.batch.Targets()) / float64(own)
		be.AddSquares(s.means[p.Name], float32(scale*scale/float64(s.batch.B)), grad)
	}
	return nil
}

func (s *squareSink) Grad(p model.Param, g backend.Buffer) error {
	mean := s.means[p.Name]
	delete(s.means, p.Name)
	defer s.red.run.Backend.Free(mean)
	return s.red.add(p, g, mean)
}

func (s *squareSink) free() {
	for _, mean := range s.means {
		s.red.run.Backend.Free(mean)
	}
}
