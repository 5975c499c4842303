package refit

import (
	"context"

	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// Alone says what the cut of each projection costs by itself: the Kullback-Leibler divergence of the model's
// predictions on the rows that are held out, in nats a token, when of all projections this one alone is cut and refitted.
// One walk of the model makes them all: each projection's outcome goes along from its layer on. They are
// in the order of Projections, without Dense.
func (r *Refit) Alone(ctx context.Context, m stage.Model) ([]float64, error) {
	stored := transformer.NewStreamed(r.Backend, m.Weights)
	walk, err := r.start(ctx, m.Config, stored)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	ps := r.Projections(m.Config)
	for walk.Next() {
		for _, h := range halves {
			if p, some := h.of(ps, walk.Layer()); some {
				err = r.branch(ctx, m, walk, stored, h, p)
			} else {
				err = h.run(walk, ctx, stored, nil)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	kl, err := walk.Divergences(ctx, stored)
	return r.means(kl), err
}

// branch cuts and refits p in branches of the parts that are held out.
func (r *Refit) branch(ctx context.Context, m stage.Model, walk *transformer.Walk, stored transformer.WeightSource, h half, p Projection) error {
	tap := &momentTap{be: r.Backend, layer: p.Layer, at: h.at, heldOut: len(r.Fitted)}
	if err := h.run(walk, ctx, stored, tap); err != nil {
		return err
	}
	f, err := r.solve(m, p, tap.sums[0], tap.sums[1], 0)
	if err != nil {
		return err
	}
	refitted := upload(r.Backend, f.weights)
	defer r.Backend.Free(refitted)
	for i := range r.HeldOut {
		if err := walk.Branch(ctx, len(r.Fitted)+i, replaced{stored, p.Name, refitted}); err != nil {
			return err
		}
	}
	if r.Done != nil {
		r.Done(Site{Layer: p.Layer, Param: p.Name, Gone: len(p.gone)})
	}
	return nil
}

// means are those of the branches of each projection, one a part, over all tokens predicted.
func (r *Refit) means(kl []float64) []float64 {
	var tokens float64
	for _, b := range r.HeldOut {
		tokens += float64(b.Targets())
	}
	means := make([]float64, len(kl)/len(r.HeldOut))
	for i, v := range kl {
		means[i/len(r.HeldOut)] += v * float64(r.HeldOut[i%len(r.HeldOut)].Targets()) / tokens
	}
	return means
}
