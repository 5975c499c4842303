package importance

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// random draws uniform scores; each dimension has its own stream of the seed.
func (r *Run) random(context.Context) (Scores, error) {
	s := Scores{}
	for _, d := range r.Config.Dims() {
		if !r.Options.Layers.Has(d.Layer) {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(d.String()))
		rng := rand.New(rand.NewPCG(r.Options.Seed, h.Sum64()))
		s[d] = make([]float64, d.Units)
		for i := range s[d] {
			s[d][i] = rng.Float64()
		}
	}
	return s, nil
}

// weightsOnly scores by the weights alone.
func (r *Run) weightsOnly(ctx context.Context) (Scores, error) {
	red := newReducer(r)
	defer red.free()
	for _, p := range r.scored() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := red.add(p, nil, nil); err != nil {
			return nil, err
		}
	}
	return red.scores(), r.Backend.Sync()
}

// envelope scores by the result of the envelope iteration.
func (r *Run) envelope(ctx context.Context) (Scores, error) {
	opts := r.Options.Moreau
	if opts.Noise == nil {
		opts.Noise = moreau.Counter(r.Backend, r.Options.Seed)
	}
	moving := r.needs.Moving(r.Config, r.Options.Layers)
	store, err := r.store(moving)
	if err != nil {
		return nil, err
	}
	defer store.Free()
	opts.Store, opts.Journal = store, r.Journal
	objective := func(ctx context.Context, step int, w transformer.WeightSource, sink transformer.GradSink) (float64, error) {
		b, err := r.Batch(step)
		if err != nil {
			return 0, err
		}
		loss, err := r.tr.LossAndGrad(ctx, b, w, sink)
		if err == nil && finite(loss) != nil {
			err = fmt.Errorf("step %d: %w; lower --lr or --std, or check the weights", step+1, finite(loss))
		}
		return loss, err
	}
	if _, err := moreau.Run(ctx, r.Backend, r.Config, r.Weights, moving, objective, opts, func(step int, t moreau.Trace) {
		r.progress(step+1, opts.Steps, t.Loss)
	}); err != nil {
		return nil, err
	}
	red := newReducer(r)
	defer red.free()
	for _, p := range r.scored() {
		mean, err := store.Open(moreau.Mean, p)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(red.add(p, mean, nil), store.Close(moreau.Mean, p, mean, false)); err != nil {
			return nil, err
		}
	}
	return red.scores(), r.Backend.Sync()
}

// store is where delta and its mean are kept: a scratch file if one is asked for.
func (r *Run) store(moving []model.Param) (moreau.Store, error) {
	if r.Scratch == nil {
		return moreau.NewMemory(r.Backend), nil
	}
	return moreau.NewScratch(r.Backend, *r.Scratch, moving)
}

func names(ps []model.Param) map[string]bool {
	m := map[string]bool{}
	for _, p := range ps {
		m[p.Name] = true
	}
	return m
}
