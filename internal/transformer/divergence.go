package transformer

import (
	"context"

	"moreau/internal/backend"
)

// divergeFromTeacher is losses where there is a teacher: rows[N, DivergenceSums].
func (p *pass) divergeFromTeacher(ctx context.Context, rows backend.Sums, h, w backend.Buffer) error {
	return p.eachBlock(ctx, func(_, from, to int) {
		logits, other := p.logits(h, w, from, to), p.logits(p.teacher, w, from, to)
		p.be.Divergence(rows, logits, other, p.b.targets, p.b.Rows(), from, to-from)
		p.release(logits, other)
	})
}

// teacherBackward adds the gradient of h to dh[N, C]; the head itself is the teacher's too, and stays as it is.
func (p *pass) teacherBackward(ctx context.Context, dh, h, w backend.Buffer, rows backend.Sums) error {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	scale := 1 / float32(p.b.divisor())
	return p.eachBlock(ctx, func(_, from, to int) {
		logits, other := p.logits(h, w, from, to), p.logits(p.teacher, w, from, to)
		p.logitsBackward(logits, func() {
			p.be.DivergenceBackward(logits, other, rows, p.b.targets, N, to-from, scale)
		})
		p.be.LinearBackward(dh, nil, logits, nil, w.Slice(from*C, to*C), N, C, to-from)
		p.release(logits, other)
	})
}

// divergencesOfRows reads rows.
func (p *pass) divergencesOfRows(rows backend.Sums) Predictions {
	host := make([]float64, rows.Len())
	p.be.ReadSums(host, rows)
	kl := make([]float64, p.b.Rows())
	for n, target := range p.b.targets {
		if target >= 0 {
			r := host[n*backend.DivergenceSums:]
			kl[n] = r[backend.DivergenceMean] - r[backend.DivergenceOfLSE] + r[backend.DivergenceLSE]
		}
	}
	return Predictions{KL: kl}
}

// divergences are KL(p || q), in nats a predicted token, of the predictions q of all passes over p's batch but the first, which is p's own.
func (p *pass) divergences(ctx context.Context, of []*pass, weights WeightSource) ([]float64, error) {
	h, rows := make([]backend.Buffer, len(of)), make([]backend.Sums, len(of))
	defer func() { p.release(h...) }()
	for i, q := range of {
		q.weights = weights
		normed, rstd, err := q.normed()
		p.release(rstd)
		if h[i] = normed; err != nil {
			return nil, err
		}
		rows[i] = p.be.NewSums(p.b.Rows() * backend.DivergenceSums)
		defer p.be.FreeSums(rows[i])
	}
	err := p.with(p.head(), func(w backend.Buffer) error {
		return p.eachBlock(ctx, func(_, from, to int) {
			own := p.logits(h[0], w, from, to)
			for i := range h[1:] {
				logits := p.logits(h[i+1], w, from, to)
				p.be.Divergence(rows[i+1], logits, own, p.b.targets, p.b.Rows(), from, to-from)
				p.release(logits)
			}
			p.release(own)
		})
	})
	var kl []float64
	for _, r := range rows[1:] {
		kl = append(kl, p.divergence(r))
	}
	return kl, err
}

// divergence is the mean of rows.
func (p *pass) divergence(rows backend.Sums) (mean float64) {
	for _, v := range p.divergencesOfRows(rows).KL {
		mean += v
	}
	return mean / float64(p.b.Targets())
}
