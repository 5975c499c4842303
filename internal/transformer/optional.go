package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/model"
)

// What only some families have: biases of projections, norms of q and k and of what is added
// to the residual stream, no norms before, another activation, factors of the embedding, of
// what is added and of the logits.

// addBias adds the bias of that role, if the layer has one, to the rows of x, in place.
func (p *pass) addBias(lw *layerWeights, role model.Role, x backend.Buffer) {
	if b, ok := lw.w[role]; ok {
		p.be.BiasForward(x, b, x.Len()/b.Len(), b.Len())
	}
}

// normActs is what the backward pass of such a norm needs: R rows of its width W, R being
// N*heads for the norm of heads, over the head size, and N for one over the hidden size or
// over all heads.
type normActs struct {
	x, rstd backend.Buffer // [R, W], [R]
}

// norm gives x[R, W] after the norm of that role, and its input; x itself and nil if
// the layer has none.
func (p *pass) norm(lw *layerWeights, role model.Role, x backend.Buffer) (backend.Buffer, *normActs) {
	w, ok := lw.w[role]
	if !ok {
		return x, nil
	}
	R := x.Len() / w.Len()
	out, n := p.new(x.Len()), &normActs{x, p.new(R)}
	p.be.RMSNormForward(out, n.rstd, x, w, R, w.Len(), float32(p.cfg.NormEps))
	return out, n
}

// normGrad gives the gradient of the norm's input, in a new buffer; dout itself if the
// layer has no such norm.
func (p *pass) normGrad(lw *layerWeights, g *layerGrads, role model.Role, dout backend.Buffer, n *normActs) backend.Buffer {
	if n == nil {
		return dout
	}
	dx := p.new(dout.Len())
	p.normBackward(dx, g.d[role], dout, n.x, lw.w[role], n.rstd)
	return dx
}

// normGradOf is normGrad in place of dout, which it frees.
func (p *pass) normGradOf(lw *layerWeights, g *layerGrads, role model.Role, dout backend.Buffer, n *normActs) backend.Buffer {
	dx := p.normGrad(lw, g, role, dout, n)
	if n != nil {
		p.release(dout)
	}
	return dx
}

// gateForward: act = activation(gate) · up.
func (p *pass) gateForward(act, gate, up backend.Buffer) {
	if p.cfg.Activation == model.GELU {
		p.be.GeGLUForward(act, gate, up)
		return
	}
	p.be.SwiGLUForward(act, gate, up)
}

// gateBackward adds to dgate and dup.
func (p *pass) gateBackward(dgate, dup, dact, gate, up backend.Buffer) {
	if p.cfg.Activation == model.GELU {
		p.be.GeGLUBackward(dgate, dup, dact, gate, up)
		return
	}
	p.be.SwiGLUBackward(dgate, dup, dact, gate, up)
}

// down adds what the MLP makes of a.act to the residual stream, into out [N, C]. Where out
// is nil, nothing but what the norm of it sees is needed, if there is one.
func (p *pass) down(lw *layerWeights, a *layerActs, out backend.Buffer) {
	N, C, y := p.b.Rows(), p.cfg.HiddenSize, out
	_, norms := lw.w[model.PostMLPNorm]
	if norms {
		y = p.new(N * C)
	} else if out == nil {
		return
	}
	p.be.LinearForward(y, a.act, lw.w[model.Down], N, a.act.Len()/N, C)
	p.addBias(lw, model.DownBias, y)
	if norms {
		y, a.dn = p.norm(lw, model.PostMLPNorm, y)
		defer p.release(y)
		if out == nil {
			return
		}
		p.be.Copy(out, y)
	}
	p.be.Axpby(out, 1, a.xmid, p.residualScale())
}

// scaleEmbedding multiplies rows of the embedding, or their gradients, in place.
func (p *pass) scaleEmbedding(x backend.Buffer) {
	if s := p.cfg.EmbeddingScale; s != 0 {
		p.be.Axpby(x, 0, x, s)
	}
}

func (p *pass) releaseNorms(norms ...*normActs) {
	for _, n := range norms {
		if n != nil {
			p.release(n.x, n.rstd)
		}
	}
}

// preNormed is where the gradient of what a norm before attention or the MLP gives is summed:
// that of the residual stream itself without one.
func (p *pass) preNormed(dx backend.Buffer, n *normActs) backend.Buffer {
	if n == nil {
		return dx
	}
	return p.new(dx.Len())
}

// preNormBackward adds to dx what the norm makes of dxn, which preNormed gave.
func (p *pass) preNormBackward(lw *layerWeights, g *layerGrads, role model.Role, dx, dxn backend.Buffer, n *normActs) {
	if n == nil {
		return
	}
	p.normBackward(dx, g.d[role], dxn, n.x, lw.w[role], n.rstd)
}

// releasePreNorm frees what such a norm gave; what it saw is the residual stream.
func (p *pass) releasePreNorm(n *normActs, xn backend.Buffer) {
	if n != nil {
		p.release(xn, n.rstd)
	}
}

// residualScale is what attention and MLP are multiplied by as they are added to the residual stream.
func (p *pass) residualScale() float32 {
	if s := p.cfg.ResidualScale; s != 0 {
		return s
	}
	return 1
}

// changesAdded says whether what attention or the MLP gives is not what is added: it is normed or scaled.
func (p *pass) changesAdded(n *normActs) bool { return n != nil || p.residualScale() != 1 }

// addedGrad is the gradient of what attention or the MLP gives, before its norm of that role
// and its factor, from that of the residual stream: a new buffer, or dx itself without them.
func (p *pass) addedGrad(lw *layerWeights, g *layerGrads, role model.Role, dx backend.Buffer, n *normActs) backend.Buffer {
	scale := p.residualScale()
	if scale == 1 {
		return p.normGrad(lw, g, role, dx, n)
	}
	scaled := p.new(dx.Len())
	p.be.Axpby(scaled, scale, dx, 0)
	return p.normGradOf(lw, g, role, scaled, n)
}

// divideLogits divides the rows that the head makes logits of, or their gradients, in place.
func (p *pass) divideLogits(h backend.Buffer) {
	if d := p.cfg.LogitDivisor; d != 0 {
		p.be.Axpby(h, 0, h, 1/d)
	}
}
