package importance

import (
	"context"
	"errors"
	"testing"

	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// Whatever weight or batch of a scoring run cannot be read, the error comes back, no more is
// read, and everything is given back.
func TestMethodsFailWithTheWeights(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	for _, method := range Methods {
		for salience := range saliences {
			if method.Check(Options{Salience: salience}) != nil {
				continue
			}
			try := func(good int) (*goldentest.FailingWeights, int64, error) {
				be := dry.New()
				run := goldenRun(t, be, g, salience)
				run.Options.Moreau.Noise, run.Options.Moreau.Steps = nil, 2
				w := &goldentest.FailingWeights{WeightSource: transformer.NewDry(be, checkpoint.Memory{}), Good: good}
				batch := run.Batch
				run.Weights, run.Batch = w, func(step int) (transformer.Batch, error) {
					if err := w.Fail(); err != nil {
						return transformer.Batch{}, err
					}
					return batch(step)
				}
				_, err := method.Score(context.Background(), run)
				return w, be.Live(), err
			}
			_, tables, _ := try(-1) // of positions, which stay
			for good := 0; ; good++ {
				w, live, err := try(good)
				if w.Lent != 0 || live > tables {
					t.Fatalf("%s, %s: call %d fails: %d weights and %d bytes are not given back", method.Name, salience, good, w.Lent, live-tables)
				}
				if w.Good >= 0 { // it was not reached
					if err != nil || method.Name != "random" && good < 10 {
						t.Errorf("%s, %s: %v after %d calls", method.Name, salience, err, good)
					}
					break
				}
				if !errors.Is(err, goldentest.ErrUnreadable) || w.Good != -1 {
					t.Fatalf("%s, %s: call %d fails, and %d more are made: %v", method.Name, salience, good, -1-w.Good, err)
				}
			}
		}
	}
}
