package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/model"
)

// What only some families have: biases of projections, norms of heads.

// addBias adds the bias of that role, if the layer has one, to the rows of x, in place.
func (p *pass) addBias(lw *layerWeights, role model.Role, x backend.Buffer) {
	if b, ok := lw.w[role]; ok {
		p.be.BiasForward(x, b, x.Len()/b.Len(), b.Len())
	}
}

// biasGrad makes the gradient of the bias of that role, if it is wanted, from that of its rows.
func (p *pass) biasGrad(g *layerGrads, role model.Role, dout backend.Buffer) {
	if d, ok := g.d[role]; ok {
		p.be.BiasBackward(d, dout, dout.Len()/d.Len(), d.Len())
	}
}

// headNorm is what the backward pass of the norm of a layer's heads needs: R = N*heads rows.
type headNorm struct {
	x, rstd backend.Buffer // [R, D], [R]
}

// normHeads gives x[R, D] after the norm of that role, and its input; x itself and
// nil if the layer has none.
func (p *pass) normHeads(lw *layerWeights, role model.Role, x backend.Buffer) (backend.Buffer, *headNorm) {
	w, ok := lw.w[role]
	if !ok {
		return x, nil
	}
	D := p.cfg.HeadDim
	R := x.Len() / D
	out, n := p.new(x.Len()), &headNorm{x, p.new(R)}
	p.be.RMSNormForward(out, n.rstd, x, w, R, D, float32(p.cfg.NormEps))
	return out, n
}

// normHeadsBackward gives the gradient of the norm's input in place of dout, which
// it frees; dout itself if the layer has no such norm.
func (p *pass) normHeadsBackward(lw *layerWeights, g *layerGrads, role model.Role, dout backend.Buffer, n *headNorm) backend.Buffer {
	if n == nil {
		return dout
	}
	D, dx := p.cfg.HeadDim, p.new(dout.Len())
	p.be.RMSNormBackward(dx, g.d[role], dout, n.x, lw.w[role], n.rstd, dout.Len()/D, D)
	p.release(dout)
	return dx
}

func (p *pass) releaseHeadNorms(norms ...*headNorm) {
	for _, n := range norms {
		if n != nil {
			p.release(n.x, n.rstd)
		}
	}
}
