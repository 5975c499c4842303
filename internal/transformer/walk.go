package transformer

import "context"

// Walk runs a model layer by layer, each over all parts of a batch before the next, so that
// a layer's weights are asked for once however many rows there are:
//
//	for walk.Next() {
//		err := walk.Run(ctx, weights, tap)
//	}
//	predictions, err := walk.Predict(ctx, weights, tap)
//
// It keeps what enters the layer, and what leaves it, of all parts. Run again, under other
// weights, a layer gives other values to the next. Taps see what they do in a pass over each
// part, forward.
type Walk struct {
	t     *Transformer
	layer int     // -1 before the first
	parts []*pass // each with the stream that enters the layer, and that which leaves it once it has run
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
	if wk.layer++; wk.layer > 0 {
		for _, p := range wk.parts {
			p.release(p.stream[0])
			p.stream = p.stream[1:]
		}
	}
	return wk.layer < len(wk.t.cfg.Layers)
}

// Layer is the layer that Run runs.
func (wk *Walk) Layer() int { return wk.layer }

// Run runs the layer on what enters it; tap may be nil.
func (wk *Walk) Run(ctx context.Context, w WeightSource, tap Tap) error {
	announce(w, wk.parts[0].after(wk.layer))
	err := wk.each(ctx, w, tap, func(p *pass) error {
		lw, err := p.loadLayer(wk.layer, nil)
		if err != nil {
			return err
		}
		defer p.releaseLayer(lw)
		x := p.stream[0]
		if len(p.stream) == 1 {
			p.stream = append(p.stream, p.new(x.Len()))
		}
		a := p.layerForward(wk.layer, lw, x, p.stream[1])
		defer p.releaseActs(a)
		return p.showLayer(wk.layer, a)
	})
	if err == nil {
		wk.parts[0].layerDone()
	}
	return err
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
