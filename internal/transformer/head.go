package transformer

import (
	"moreau/internal/backend"
)

// logitsBytes bounds the logits that exist at once: the head runs over some
// rows at a time, so that B*T*V floats never do.
const logitsBytes = 64 << 20

// eachLogits runs final norm and head over blocks of rows [lo, hi); the logits
// [hi-lo, V] are only valid during the call and may be changed.
func (p *pass) eachLogits(f func(logits backend.Buffer, lo, hi int) error) error {
	h, rstd, err := p.normed()
	if err != nil {
		return err
	}
	defer p.release(h, rstd)
	head := p.cfg.HeadParam()
	w, err := p.weights.Weight(head)
	if err != nil {
		return err
	}
	defer p.weights.Release(head, w)
	return p.eachBlock(h, w, f)
}

func (p *pass) eachBlock(h, w backend.Buffer, f func(logits backend.Buffer, lo, hi int) error) error {
	C, V, N := p.cfg.HiddenSize, p.cfg.VocabSize, p.b.Rows()
	block := min(N, max(1, logitsBytes/(4*V)))
	logits := p.new(block * V)
	defer p.release(logits)
	for lo := 0; lo < N; lo += block {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		hi := min(N, lo+block)
		part := logits.Slice(0, (hi-lo)*V)
		p.be.LinearForward(part, h.Slice(lo*C, hi*C), w, hi-lo, C, V)
		if err := f(part, lo, hi); err != nil {
			return err
		}
	}
	return nil
}

// normed is the final RMSNorm of the last residual stream: h[N, C], rstd[N].
func (p *pass) normed() (h, rstd backend.Buffer, err error) {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	h, rstd = p.new(N*C), p.new(N)
	x := p.stream[len(p.stream)-1]
	err = p.with(p.finalNorm(), func(w backend.Buffer) {
		p.be.RMSNormForward(h, rstd, x, w, N, C, float32(p.cfg.NormEps))
	})
	return h, rstd, err
}

// lossHead computes the loss of each position and, with a sink, the gradients
// of head and final norm; dx receives the gradient of the last residual stream.
func (p *pass) lossHead() ([]float64, error) {
	nll := make([]float64, p.b.Rows())
	V := p.cfg.VocabSize
	if p.sink == nil {
		return nll, p.eachLogits(func(logits backend.Buffer, lo, hi int) error {
			p.be.CrossEntropyForward(nll[lo:hi], logits, p.b.targets[lo:hi], hi-lo, V)
			return nil
		})
	}
	h, rstd, err := p.normed()
	defer p.release(h, rstd)
	if err != nil {
		return nil, err
	}
	dh, err := p.headBackward(h, nll)
	defer p.release(dh)
	if err != nil {
		return nil, err
	}
	return nll, p.normBackward(dh, rstd)
}

// headBackward fills nll and returns the gradient of h [N, C].
func (p *pass) headBackward(h backend.Buffer, nll []float64) (backend.Buffer, error) {
	C, V := p.cfg.HiddenSize, p.cfg.VocabSize
	head := p.cfg.HeadParam()
	w, err := p.weights.Weight(head)
	if err != nil {
		return nil, err
	}
	defer p.weights.Release(head, w)
	var dw backend.Buffer
	if p.sink.Wants(head) {
		dw = p.new(head.Len())
	}
	dh := p.new(h.Len())
	scale := 1 / float32(max(1, p.b.Targets()))
	err = p.eachBlock(h, w, func(logits backend.Buffer, lo, hi int) error {
		targets := p.b.targets[lo:hi]
		p.be.CrossEntropyForward(nll[lo:hi], logits, targets, hi-lo, V)
		p.be.CrossEntropyBackward(logits, nll[lo:hi], targets, hi-lo, V, scale)
		p.be.LinearBackward(dh.Slice(lo*C, hi*C), dw, logits, h.Slice(lo*C, hi*C), w, hi-lo, C, V)
		return nil
	})
	if err != nil || dw == nil {
		return dh, err
	}
	if p.cfg.Tied {
		p.dtied = dw // its other half comes from the embedding
		return dh, nil
	}
	defer p.release(dw)
	return dh, p.sink.Grad(head, dw)
}

// normBackward takes dh through the final norm into dx.
func (p *pass) normBackward(dh, rstd backend.Buffer) error {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	norm := p.finalNorm()
	var dw backend.Buffer
	if p.sink.Wants(norm) {
		dw = p.new(C)
		defer p.release(dw)
	}
	p.dx = p.new(N * C)
	x := p.stream[len(p.stream)-1]
	err := p.with(norm, func(w backend.Buffer) { p.be.RMSNormBackward(p.dx, dw, dh, x, w, rstd, N, C) })
	if err != nil || dw == nil {
		return err
	}
	return p.sink.Grad(norm, dw)
}
