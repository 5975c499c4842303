package transformer

import (
	"errors"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// Gradients of weights are sums over the rows of a batch. They are made in Blocks blocks of
// whole sequences, whose sums are added up in a fixed binary tree: its left part is the
// largest power of two of blocks. Machines that own aligned runs of blocks can so add up
// the same numbers in the same order, whatever their number.

// SequenceSink is a GradSink that is also shown what each sequence of the batch contributes
// to the gradient of a layer's matrices. Every sequence is then a block of its own.
type SequenceSink interface {
	GradSink
	// Share receives the share of one sequence in d loss / d p. Those of all sequences
	// come in order, before Grad of that parameter; the buffer is only valid during the
	// call and not to be changed.
	Share(p model.Param, sequence int, grad backend.Buffer) error
}

// FactorSink is a GradSink that makes of the gradients of a layer's matrices what it needs from their factors, so that no
// matrix of them exists; Grad is called for none of these.
type FactorSink interface {
	GradSink
	// Factors receives those of d loss / d p [O, I] = doutᵀ · x: dout[N, O] and x[N, I]. The buffers are only valid
	// during the call and not to be changed.
	Factors(p model.Param, dout, x backend.Buffer) error
}

// blocks is the number of blocks of sequences.
func (p *pass) blocks() int {
	if _, ok := p.sink.(SequenceSink); ok {
		return p.b.B
	}
	return min(max(1, p.Blocks), p.b.B)
}

// block is the rows [lo, hi) of block i.
func (p *pass) block(i int) (lo, hi int) {
	n := p.blocks()
	return i * p.b.B / n * p.b.T, (i + 1) * p.b.B / n * p.b.T
}

// rowsOf is what stands in x for rows [lo, hi) of the batch.
func (p *pass) rowsOf(x backend.Buffer, lo, hi int) backend.Buffer {
	width := x.Len() / p.b.Rows()
	return x.Slice(lo*width, hi*width)
}

// sum adds to d what add makes of each block; with more than one, d is to be zero.
func (p *pass) sum(d backend.Buffer, add func(d backend.Buffer, block, lo, hi int)) {
	p.sumOf(d, 0, p.blocks(), add)
}

func (p *pass) sumOf(d backend.Buffer, from, to int, add func(d backend.Buffer, block, lo, hi int)) {
	if to-from == 1 {
		lo, hi := p.block(from)
		add(d, from, lo, hi)
		return
	}
	left := 1
	for 2*left < to-from {
		left *= 2
	}
	p.sumOf(d, from, from+left, add)
	right := p.new(d.Len())
	p.sumOf(right, from+left, to, add)
	p.be.Axpby(d, 1, right, 1)
	p.release(right)
}

// linearGrad makes d[O, I], which may be nil, from x[N, I] and dout[N, O].
func (p *pass) linearGrad(d, dout, x backend.Buffer) {
	if d == nil {
		return
	}
	p.sum(d, func(d backend.Buffer, _, lo, hi int) { p.linearBlock(d, dout, x, lo, hi) })
}

func (p *pass) linearBlock(d, dout, x backend.Buffer, lo, hi int) {
	N := p.b.Rows()
	p.be.LinearBackward(nil, d, p.rowsOf(dout, lo, hi), p.rowsOf(x, lo, hi), nil, hi-lo, x.Len()/N, dout.Len()/N)
}

// linearBackward is the backward pass of a layer's projection: it adds to dx[N, I], and
// makes the gradient of the weights if that is wanted.
func (p *pass) linearBackward(lw *layerWeights, g *layerGrads, role model.Role, dx, dout, x backend.Buffer) error {
	N := p.b.Rows()
	p.be.LinearBackward(dx, nil, dout, nil, lw.w[role], N, x.Len()/N, dout.Len()/N)
	if factors, ok := p.sink.(FactorSink); ok {
		if param := lw.param(role); p.wants(param) {
			return factors.Factors(param, dout, x)
		}
		return nil
	}
	shares, ok := p.sink.(SequenceSink)
	if !ok || g.d[role] == nil {
		p.linearGrad(g.d[role], dout, x)
		return nil
	}
	var err error
	p.sum(g.d[role], func(d backend.Buffer, sequence, lo, hi int) {
		p.linearBlock(d, dout, x, lo, hi)
		err = errors.Join(err, shares.Share(g.param(role), sequence, d))
	})
	return err
}

// biasGrad makes the gradient of the bias of that role, if it is wanted, from that of its rows.
func (p *pass) biasGrad(g *layerGrads, role model.Role, dout backend.Buffer) {
	if d := g.d[role]; d != nil {
		p.sum(d, func(d backend.Buffer, _, lo, hi int) {
			p.be.BiasBackward(d, p.rowsOf(dout, lo, hi), hi-lo, d.Len())
		})
	}
}

// normBackward is the backward pass of a norm of x with weights w: it adds to dx, and makes
// dw unless that is nil. A row of the batch may have several of the norm's, its heads.
func (p *pass) normBackward(dx, dw, dout, x, w, rstd backend.Buffer) {
	W := w.Len()
	p.be.RMSNormBackward(dx, nil, dout, x, w, rstd, x.Len()/W, W)
	if dw == nil {
		return
	}
	p.sum(dw, func(dw backend.Buffer, _, lo, hi int) {
		rows := p.rowsOf(x, lo, hi)
		p.be.RMSNormBackward(nil, dw, p.rowsOf(dout, lo, hi), rows, w, p.rowsOf(rstd, lo, hi), rows.Len()/W, W)
	})
}
