package transformer

import (
	"context"

	"moreau/internal/backend"
)

// logitsBytes bounds the logits that exist at once. The head runs over some rows
// at a time where whole rows are asked for, and for the loss over some entries of
// the vocabulary at a time: a block then stays in the last-level cache.
const logitsBytes = 16 << 20

// eachLogits runs final norm and head over blocks of rows [lo, hi); the logits
// [hi-lo, V] are only valid during the call and may be changed.
func (p *pass) eachLogits(ctx context.Context, f func(logits backend.Buffer, lo, hi int) error) error {
	h, rstd, err := p.normed()
	defer p.release(h, rstd)
	if err != nil {
		return err
	}
	return p.with(p.head(), func(w backend.Buffer) error { return p.eachRows(ctx, h, w, f) })
}

func (p *pass) eachRows(ctx context.Context, h, w backend.Buffer, f func(logits backend.Buffer, lo, hi int) error) error {
	C, V, N := p.cfg.HiddenSize, p.cfg.VocabSize, p.b.Rows()
	block := min(N, max(1, logitsBytes/(4*V)))
	logits := p.new(block * V)
	defer p.release(logits)
	for lo := 0; lo < N; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(N, lo+block)
		part := logits.Slice(0, (hi-lo)*V)
		p.be.LinearForward(part, h.Slice(lo*C, hi*C), w, hi-lo, C, V)
		p.capLogits(part)
		if err := f(part, lo, hi); err != nil {
			return err
		}
	}
	return nil
}

// normed is the final RMSNorm of the last residual stream, divided by what divides the
// logits: h[N, C], rstd[N].
func (p *pass) normed() (h, rstd backend.Buffer, err error) {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	h, rstd = p.new(N*C), p.new(N)
	x := p.stream[len(p.stream)-1]
	err = p.with(p.finalNorm(), func(w backend.Buffer) error {
		p.be.RMSNormForward(h, rstd, x, w, N, C, float32(p.cfg.NormEps))
		p.divideLogits(h)
		return nil
	})
	return h, rstd, err
}
