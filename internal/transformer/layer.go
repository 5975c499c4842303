package transformer

import (
	"errors"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// layerWeights are the weights of one layer while it runs, by role.
type layerWeights struct {
	params []model.Param
	w      map[model.Role]backend.Buffer
}

// loadLayer fetches the weights of layer l, and announces the parameters that come next.
func (p *pass) loadLayer(l int, next []model.Param) (*layerWeights, error) {
	return p.loadParams(p.layerParams(l), next)
}

// loadParams does so for these parameters of a layer.
func (p *pass) loadParams(params, next []model.Param) (*layerWeights, error) {
	lw := &layerWeights{params: params, w: map[model.Role]backend.Buffer{}}
	for _, param := range lw.params {
		b, err := p.weights.Weight(param)
		if err != nil {
			p.releaseLayer(lw)
			return nil, err
		}
		lw.w[param.Role] = b
	}
	announce(p.weights, next)
	return lw, nil
}

// param is the parameter of that role, which is there.
func (lw *layerWeights) param(role model.Role) model.Param {
	return lw.params[slices.IndexFunc(lw.params, func(p model.Param) bool { return p.Role == role })]
}

func (p *pass) releaseLayer(lw *layerWeights) {
	for _, param := range lw.params {
		if b, ok := lw.w[param.Role]; ok {
			p.weights.Release(param, b)
		}
	}
}

// layerActs are the activations of one layer that its backward pass needs; N = B*T.
type layerActs struct {
	x        backend.Buffer // [N, C] input, the residual stream; owned by the pass
	xn1      backend.Buffer // [N, C] after its norm
	n1, n2   *normActs      // what the norms before attention and MLP saw; nil without them
	qn, kn   *normActs      // what the norms of q and k's heads saw; nil without them
	on, dn   *normActs      // what those of attention's and the MLP's outputs saw, [N, C]
	q, k, v  backend.Buffer // [N, H*D], [N, K*D], [N, K*D], q and k after RoPE
	att, lse backend.Buffer // [N, H*D], [B, H, T]
	xmid     backend.Buffer // [N, C] after attention
	xn2      backend.Buffer // [N, C] after its norm
	gate, up backend.Buffer // [N, F]
	act      backend.Buffer // [N, F] activation(gate)·up
}

// layerSizes are the widths of one layer: q and kv columns and MLP channels.
func (p *pass) layerSizes(l int) (q, kv, f int) {
	s := p.cfg.Layers[l]
	return s.Heads * p.cfg.HeadDim, s.KVHeads * p.cfg.HeadDim, s.Intermediate
}

func (p *pass) attentionShape(l int) backend.AttentionShape {
	s := p.cfg.Layers[l]
	return backend.AttentionShape{B: p.b.B, T: p.b.T, S: p.first() + p.b.T, H: s.Heads, K: s.KVHeads, D: p.cfg.HeadDim, Window: s.Window,
		Scale: p.cfg.AttentionScale(), Cap: p.cfg.ScoreCap}
}

// layerForward runs one layer on x [N, C] and writes the new residual stream to out.
func (p *pass) layerForward(l int, lw *layerWeights, x, out backend.Buffer) *layerActs {
	a := &layerActs{x: x}
	p.attentionForward(l, lw, a)
	p.mlpForward(l, lw, a, out)
	return a
}

// attentionForward computes what comes of a.x up to a.xmid.
func (p *pass) attentionForward(l int, lw *layerWeights, a *layerActs) {
	be, N, C := p.be, p.b.Rows(), p.cfg.HiddenSize
	Q, KV, _ := p.layerSizes(l)
	s := p.attentionShape(l)

	a.xn1, a.n1 = p.norm(lw, model.AttnNorm, a.x)
	a.q, a.k, a.v = p.new(N*Q), p.new(N*KV), p.new(N*KV)
	be.LinearForward(a.q, a.xn1, lw.w[model.Q], N, C, Q)
	be.LinearForward(a.k, a.xn1, lw.w[model.K], N, C, KV)
	be.LinearForward(a.v, a.xn1, lw.w[model.V], N, C, KV)
	p.addBias(lw, model.QBias, a.q)
	p.addBias(lw, model.KBias, a.k)
	p.addBias(lw, model.VBias, a.v)
	a.q, a.qn = p.norm(lw, model.QNorm, a.q)
	a.k, a.kn = p.norm(lw, model.KNorm, a.k)
	positions := p.cfg.Layers[l].Positions
	p.rotate(p.turns.queries[positions], a.q, s.H)
	p.rotate(p.turns.keys[positions], a.k, s.K)
	a.att, a.lse = p.new(N*Q), p.new(s.B*s.H*s.T)
	p.attend(l, a, s)
	a.xmid = p.new(N * C)
	be.LinearForward(a.xmid, a.att, lw.w[model.O], N, Q, C)
	p.addBias(lw, model.OBias, a.xmid)
	a.xmid, a.on = p.norm(lw, model.PostAttnNorm, a.xmid)
	be.Axpby(a.xmid, 1, a.x, p.residualScale())
}

// mlpForward computes what comes of a.xmid, and writes the new residual stream to out.
func (p *pass) mlpForward(l int, lw *layerWeights, a *layerActs, out backend.Buffer) {
	be, N, C := p.be, p.b.Rows(), p.cfg.HiddenSize
	_, _, F := p.layerSizes(l)

	a.xn2, a.n2 = p.norm(lw, model.MLPNorm, a.xmid)
	a.gate, a.up, a.act = p.new(N*F), p.new(N*F), p.new(N*F)
	be.LinearForward(a.gate, a.xn2, lw.w[model.Gate], N, C, F)
	be.LinearForward(a.up, a.xn2, lw.w[model.Up], N, C, F)
	p.addBias(lw, model.GateBias, a.gate)
	p.addBias(lw, model.UpBias, a.up)
	p.gateForward(a.act, a.gate, a.up)
	p.down(lw, a, out)
}

// attend is the attention of layer l: over the sequences of the batch, what a cache holds before
// them, or segments.
func (p *pass) attend(l int, a *layerActs, s backend.AttentionShape) {
	switch {
	case p.segments != nil:
		p.attendSegments(a, s)
	case p.cache != nil:
		p.attendCached(l, a, s)
	default:
		p.be.AttentionForward(a.att, a.lse, a.q, a.k, a.v, s)
	}
}

// layerBackward turns dx, the gradient of the layer's output [N, C], into that
// of its input, in place, and hands the weight gradients to the sink.
func (p *pass) layerBackward(l int, lw *layerWeights, a *layerActs, dx backend.Buffer) error {
	g := p.newLayerGrads(lw)
	defer g.free(p)
	if err := p.mlpBackward(l, lw, a, g, dx); err != nil {
		return err
	}
	if err := p.attentionBackward(l, lw, a, g, dx); err != nil {
		return err
	}
	if err := p.show(l, Residual, a.x, dx); err != nil {
		return err
	}
	return g.emit(p)
}

func (p *pass) mlpBackward(l int, lw *layerWeights, a *layerActs, g *layerGrads, dx backend.Buffer) error {
	N := p.b.Rows()
	_, _, F := p.layerSizes(l)
	dact, dgate, dup := p.new(N*F), p.new(N*F), p.new(N*F)
	dxn2 := p.preNormed(dx, a.n2)
	defer p.release(dact, dgate, dup)
	if a.n2 != nil {
		defer p.release(dxn2)
	}

	dout := p.addedGrad(lw, g, model.PostMLPNorm, dx, a.dn)
	if p.changesAdded(a.dn) {
		defer p.release(dout)
	}
	p.biasGrad(g, model.DownBias, dout)
	if err := p.linearBackward(lw, g, model.Down, dact, dout, a.act); err != nil {
		return err
	}
	if err := p.show(l, Channels, a.act, dact); err != nil {
		return err
	}
	p.gateBackward(dgate, dup, dact, a.gate, a.up)
	p.biasGrad(g, model.GateBias, dgate)
	p.biasGrad(g, model.UpBias, dup)
	if err := errors.Join(p.linearBackward(lw, g, model.Gate, dxn2, dgate, a.xn2), p.linearBackward(lw, g, model.Up, dxn2, dup, a.xn2)); err != nil {
		return err
	}
	p.preNormBackward(lw, g, model.MLPNorm, dx, dxn2, a.n2)
	return p.show(l, MLPIn, a.xn2, dxn2)
}

func (p *pass) attentionBackward(l int, lw *layerWeights, a *layerActs, g *layerGrads, dx backend.Buffer) error {
	N := p.b.Rows()
	Q, KV, _ := p.layerSizes(l)
	s := p.attentionShape(l)
	datt, dq, dk, dv := p.new(N*Q), p.new(N*Q), p.new(N*KV), p.new(N*KV)
	dxn1 := p.preNormed(dx, a.n1)
	defer p.release(datt, dv)
	if a.n1 != nil {
		defer p.release(dxn1)
	}
	defer func() { p.release(dq, dk) }() // which the norms of heads exchange

	dout := p.addedGrad(lw, g, model.PostAttnNorm, dx, a.on)
	if p.changesAdded(a.on) {
		defer p.release(dout)
	}
	p.biasGrad(g, model.OBias, dout)
	if err := p.linearBackward(lw, g, model.O, datt, dout, a.att); err != nil {
		return err
	}
	if err := p.show(l, HeadsOut, a.att, datt); err != nil {
		return err
	}
	p.be.AttentionBackward(dq, dk, dv, datt, a.att, a.lse, a.q, a.k, a.v, s)
	positions := p.cfg.Layers[l].Positions
	p.rotateBack(p.turns.queries[positions], dq, s.H)
	p.rotateBack(p.turns.keys[positions], dk, s.K)
	dq = p.normGradOf(lw, g, model.QNorm, dq, a.qn)
	dk = p.normGradOf(lw, g, model.KNorm, dk, a.kn)
	p.biasGrad(g, model.QBias, dq)
	p.biasGrad(g, model.KBias, dk)
	p.biasGrad(g, model.VBias, dv)
	if err := errors.Join(p.linearBackward(lw, g, model.Q, dxn1, dq, a.xn1), p.linearBackward(lw, g, model.K, dxn1, dk, a.xn1),
		p.linearBackward(lw, g, model.V, dxn1, dv, a.xn1)); err != nil {
		return err
	}
	p.preNormBackward(lw, g, model.AttnNorm, dx, dxn1, a.n1)
	return p.show(l, AttnIn, a.xn1, dxn1)
}

// layerGrads are the weight gradients of one layer that the sink wants, by role.
type layerGrads struct {
	params []model.Param
	d      map[model.Role]backend.Buffer
}

func (p *pass) newLayerGrads(lw *layerWeights) *layerGrads {
	g := &layerGrads{d: map[model.Role]backend.Buffer{}}
	_, factors := p.sink.(FactorSink)
	for _, param := range lw.params {
		if p.wants(param) && !(factors && len(param.Axes) == 2) {
			g.params = append(g.params, param)
			g.d[param.Role] = p.new(param.Len())
		}
	}
	return g
}

// param is the wanted parameter of that role.
func (g *layerGrads) param(role model.Role) model.Param {
	return g.params[slices.IndexFunc(g.params, func(p model.Param) bool { return p.Role == role })]
}

func (g *layerGrads) emit(p *pass) error {
	for _, param := range g.params {
		if err := p.sink.Grad(param, g.d[param.Role]); err != nil {
			return err
		}
	}
	return nil
}

func (g *layerGrads) free(p *pass) {
	for _, b := range g.d {
		p.release(b)
	}
}
