package transformer_test

import (
	"context"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// foretold checks that what is asked for was announced, a layer before.
type foretold struct {
	transformer.WeightSource
	t         *testing.T
	announced map[string]int // layers done by then
	asked     int
	done      int
	last      int // layer
}

func (f *foretold) Ahead(params []model.Param) {
	for _, p := range params {
		f.announced[p.Name] = f.done
	}
}

func (f *foretold) Weight(p model.Param) (backend.Buffer, error) {
	f.asked++
	done, ok := f.announced[p.Name]
	delete(f.announced, p.Name)
	switch {
	case p.Role == model.Embedding || p.Layer == 0 && f.asked <= 12: // what a pass begins with
	case p.Role == model.FinalNorm: // small
	case !ok:
		f.t.Errorf("%s is asked for without notice", p.Name)
	case done == f.done && p.Layer != f.last: // behind which the head runs
		f.t.Errorf("%s is announced when it is asked for, not a layer before", p.Name)
	}
	return f.WeightSource.Weight(p)
}

// Every layer is announced while the one before it runs, forward, backward and in a walk,
// so that a source can read it meanwhile; nothing is announced in vain.
func TestLayersAreForetold(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	tr, ctx := transformer.New(be, g.Config), context.Background()
	for name, run := range map[string]func(w transformer.WeightSource) error{
		"forward": func(w transformer.WeightSource) error { _, err := tr.Loss(ctx, g.Batch(t), w); return err },
		"backward": func(w transformer.WeightSource) error {
			_, err := tr.LossAndGrad(ctx, g.Batch(t), w, &collect{be: be, grads: map[string][]float32{}})
			return err
		},
		"backward to layer 1": func(w transformer.WeightSource) error {
			upper := func(p model.Param) bool { return p.Layer >= 1 }
			_, err := tr.LossAndGrad(ctx, g.Batch(t), w, &collect{be: be, wants: upper, grads: map[string][]float32{}})
			return err
		},
		"walk": func(w transformer.WeightSource) error {
			walk, err := tr.Walk(ctx, g.Batch(t).Parts(32), w)
			if err != nil {
				return err
			}
			defer walk.Close()
			for walk.Next() {
				if err := walk.Run(ctx, w, nil); err != nil {
					return err
				}
			}
			_, err = walk.Predict(ctx, w, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &foretold{WeightSource: transformer.NewStreamed(be, g.Weights), t: t, announced: map[string]int{}, last: len(g.Config.Layers) - 1}
			tr.OnLayer = func() { f.done++ }
			if err := run(f); err != nil {
				t.Fatal(err)
			}
			if len(f.announced) > 0 {
				t.Errorf("announced in vain: %v", f.announced)
			}
		})
	}
}
