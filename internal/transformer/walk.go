package transformer

import (
	"context"

	"moreau/internal/model"
)

// Walk runs a model layer by layer, each over all parts of a batch before the next, so that
// a layer's weights are asked for once however many rows there are:
//
//	for walk.Next() {
//		err := walk.Run(ctx, weights, tap)
//	}
//	predictions, err := walk.Predict(ctx, weights, tap)
//
// Instead of Run, Attend and then MLP run the halves of a layer; a half run again, under other
// weights, gives other values to what comes next, until the next half has run. Two residual
// streams of all parts are kept. Taps see what they do in a pass over each part, forward.
type Walk struct {
	t     *Transformer
	layer int     // -1 before the first
	parts []*pass // each with the stream that enters the layer; behind MLP, that which leaves it
}

// Walk embeds the parts; the walk stands before the first layer.
func (t *Transformer) Walk(ctx context.Context, parts []Batch, w WeightSource) (*Walk, error) {
	wk := &Walk{t: t, layer: -1}
	for _, b := range parts {
		wk.parts = append(wk.parts, t.newPass(b, b.T, w, Watch{}))
	}
	if err := wk.each(ctx, w, nil, func(p *pass) error { return p.embed() }); err != nil {
		wk.Close()
		return nil, err
	}
	return wk, nil
}

// Next goes to the next layer, which what left the last one enters; false: there is none.
func (wk *Walk) Next() bool {
	wk.layer++
	for _, p := range wk.parts {
		p.release(p.mid)
		p.mid = nil
	}
	return wk.layer < len(wk.t.cfg.Layers)
}

// Layer is the layer that runs.
func (wk *Walk) Layer() int { return wk.layer }

// Run runs the layer on what enters it; tap may be nil.
func (wk *Walk) Run(ctx context.Context, w WeightSource, tap Tap) error {
	if err := wk.Attend(ctx, w, tap); err != nil {
		return err
	}
	return wk.MLP(ctx, w, tap)
}

// Attend runs the layer up to what attention adds to the residual stream.
func (wk *Walk) Attend(ctx context.Context, w WeightSource, tap Tap) error {
	return wk.half(ctx, w, tap, attentionRoles, wk.t.layerParamsOf(wk.layer, ^attentionRoles), func(p *pass, lw *layerWeights, a *layerActs) {
		a.x, a.xmid = p.stream[0], nil
		p.attentionForward(wk.layer, lw, a)
		p.release(p.mid)
		p.mid = a.xmid
	})
}

// MLP runs the rest of the layer; then Attend cannot run again.
func (wk *Walk) MLP(ctx context.Context, w WeightSource, tap Tap) error {
	err := wk.half(ctx, w, tap, ^attentionRoles, wk.parts[0].after(wk.layer), func(p *pass, lw *layerWeights, a *layerActs) {
		p.mlpForward(wk.layer, lw, a, p.stream[0])
	})
	if err == nil {
		wk.parts[0].layerDone()
	}
	return err
}

// half runs a half of the layer on every part, with the weights of these roles.
func (wk *Walk) half(ctx context.Context, w WeightSource, tap Tap, roles model.Roles, next []model.Param, run func(p *pass, lw *layerWeights, a *layerActs)) error {
	announce(w, next)
	return wk.each(ctx, w, tap, func(p *pass) error {
		lw, err := p.loadParams(wk.t.layerParamsOf(wk.layer, roles), nil)
		if err != nil {
			return err
		}
		defer p.releaseLayer(lw)
		a := &layerActs{xmid: p.mid}
		defer func() {
			a.xmid = nil // which the pass keeps
			p.releaseActs(a)
		}()
		run(p, lw, a)
		return p.showLayer(wk.layer, a)
	})
}

// Predict says of each position of each part what a pass does. It is called behind the last layer.
func (wk *Walk) Predict(ctx context.Context, w WeightSource, tap Tap) (all []Predictions, err error) {
	err = wk.each(ctx, w, tap, func(p *pass) error {
		if err := p.show(wk.layer, Residual, p.stream[0], nil); err != nil {
			return err
		}
		predictions, err := p.lossHead(ctx)
		all = append(all, predictions)
		return err
	})
	return all, err
}

// Close frees what the walk keeps.
func (wk *Walk) Close() {
	for _, p := range wk.parts {
		p.free()
	}
}

// each runs f on every part, under weights that are asked for once.
func (wk *Walk) each(ctx context.Context, w WeightSource, tap Tap, f func(p *pass) error) error {
	held := NewResident(w)
	defer held.Free()
	for _, p := range wk.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.growTables(p.b.T)
		p.weights, p.tap = withOffset(p.be, p.cfg, held), tap
		if err := f(p); err != nil {
			return p.end(err)
		}
	}
	return wk.parts[0].end(nil)
}
