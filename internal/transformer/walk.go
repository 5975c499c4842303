package transformer

import (
	"context"
	"slices"

	"moreau/internal/backend"
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
// streams of all parts are kept, one with Once. Taps see what they do in a pass over each part, forward.
//
// Branch and Without make further parts, of models that differ in one layer; Divergences says how far they are
// in the end from the one that they were branched from. Taps do not see them.
type Walk struct {
	Once bool // every half runs once, and nothing is branched

	t        *Transformer
	layer    int     // -1 before the first
	half     int     // of the layer that ran last: 0, what attention adds, or 1
	parts    []*pass // each with the stream that enters the layer; behind MLP, that which leaves it
	branches []branch
}

// branch is a part that came of another, and runs with it from a layer on.
type branch struct {
	pass, from *pass
	layer      int
}

// Walk embeds the parts; the walk stands before the first layer.
func (t *Transformer) Walk(ctx context.Context, parts []Batch, w WeightSource) (*Walk, error) {
	wk := &Walk{t: t, layer: -1, half: mlpHalf}
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
	for _, p := range wk.all() {
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
	wk.half = attentionHalf
	return wk.run(ctx, w, tap, wk.t.layerParamsOf(wk.layer, ^attentionRoles))
}

// MLP runs the rest of the layer; then Attend cannot run again.
func (wk *Walk) MLP(ctx context.Context, w WeightSource, tap Tap) error {
	wk.half = mlpHalf
	err := wk.run(ctx, w, tap, wk.parts[0].after(wk.layer))
	if err == nil {
		wk.parts[0].layerDone()
	}
	return err
}

// Stream is the residual stream [N, C] of a part, behind the half of the layer that ran last; a tap
// may ask for that of the part it sees.
func (wk *Walk) Stream(part int) backend.Buffer {
	if wk.half == attentionHalf {
		return wk.parts[part].mid
	}
	return wk.parts[part].stream[0]
}

// The halves of a layer.
const (
	attentionHalf = iota
	mlpHalf
)

// run runs the walk's half of the layer on every part.
func (wk *Walk) run(ctx context.Context, w WeightSource, tap Tap, next []model.Param) error {
	announce(w, next)
	return wk.on(ctx, wk.running(wk.layer), w, tap, func(p *pass) error { return p.half(wk.layer, wk.half, wk.Once) })
}

// half runs a half of layer l on the stream; what it would take to run it again is freed, if it runs once.
func (p *pass) half(l, half int, once bool) error {
	roles := attentionRoles
	if half == mlpHalf {
		roles = ^attentionRoles
	}
	lw, err := p.loadParams(p.layerParamsOf(l, roles), nil)
	if err != nil {
		return err
	}
	defer p.releaseLayer(lw)
	a := &layerActs{xmid: p.mid}
	defer func() {
		a.xmid = nil // which the pass keeps
		p.releaseActs(a)
	}()
	spent := &p.stream[0]
	if half == mlpHalf {
		if p.stream[0] == nil {
			p.stream[0] = p.new(p.mid.Len())
		}
		p.mlpForward(l, lw, a, p.stream[0])
		spent = &p.mid
	} else {
		a.x, a.xmid = p.stream[0], nil
		p.attentionForward(l, lw, a)
		p.release(p.mid)
		p.mid = a.xmid
	}
	err = p.showLayer(l, a)
	if once {
		p.release(*spent)
		*spent = nil
	}
	return err
}

// Branch makes another part of one, by running the half that ran last under weights of its own; from there on it
// goes with the others. That half cannot run again then.
func (wk *Walk) Branch(ctx context.Context, part int, w WeightSource) error {
	from := wk.parts[part]
	p := wk.t.newPass(from.b, from.b.T, w, Watch{})
	wk.branches = append(wk.branches, branch{p, from, wk.layer})
	p.stream, p.mid = []backend.Buffer{p.copied(from.stream[0])}, p.copied(from.mid)
	return wk.on(ctx, []*pass{p}, w, nil, func(p *pass) error { return p.half(wk.layer, wk.half, false) })
}

// copied is a buffer of its own with what b has.
func (p *pass) copied(b backend.Buffer) backend.Buffer {
	c := p.new(b.Len())
	p.be.Copy(c, b)
	return c
}

// Without makes another part of one, of a model without the layer, whose MLP has not run yet.
func (wk *Walk) Without(part int, w WeightSource) {
	from := wk.parts[part]
	p := wk.t.newPass(from.b, from.b.T, w, Watch{})
	p.stream = []backend.Buffer{p.copied(from.stream[0])}
	wk.branches = append(wk.branches, branch{p, from, wk.layer + 1})
}

// Divergences are, of each branch, the Kullback-Leibler divergence of what the part that it was branched from predicts
// from what it predicts, KL(part || branch), in nats a predicted token. They are asked for behind the last layer.
func (wk *Walk) Divergences(ctx context.Context, w WeightSource) ([]float64, error) {
	all := make([]float64, len(wk.branches))
	held := NewResident(w)
	defer held.Free()
	for _, from := range wk.parts {
		of := []*pass{from}
		var at []int
		for i, b := range wk.branches {
			if b.from == from {
				of, at = append(of, b.pass), append(at, i)
			}
		}
		if at == nil {
			continue
		}
		kl, err := from.divergences(ctx, of, withOffset(from.be, from.cfg, held))
		if err := from.end(err); err != nil {
			return nil, err
		}
		for i, v := range kl {
			all[at[i]] = v
		}
	}
	return all, nil
}

// all are the parts and the branches.
func (wk *Walk) all() []*pass { return wk.running(len(wk.t.cfg.Layers)) }

// running are the parts, and the branches that run in a layer.
func (wk *Walk) running(layer int) []*pass {
	all := slices.Clone(wk.parts)
	for _, b := range wk.branches {
		if b.layer <= layer {
			all = append(all, b.pass)
		}
	}
	return all
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
	for _, p := range wk.all() {
		p.free()
	}
}

// each runs f on every part, under weights that are asked for once.
func (wk *Walk) each(ctx context.Context, w WeightSource, tap Tap, f func(p *pass) error) error {
	return wk.on(ctx, wk.parts, w, tap, f)
}

// on runs f on passes, those of branches without the tap.
func (wk *Walk) on(ctx context.Context, passes []*pass, w WeightSource, tap Tap, f func(p *pass) error) error {
	held := NewResident(w)
	defer held.Free()
	for i, p := range passes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i == len(wk.parts) {
			tap = nil
		}
		p.growTables(p.b.T)
		p.weights, p.tap = withOffset(p.be, p.cfg, held), tap
		if err := f(p); err != nil {
			return p.end(err)
		}
	}
	return wk.parts[0].end(nil)
}
