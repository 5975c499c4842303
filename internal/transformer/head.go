package transformer

import (
	"cmp"
	"context"

	"moreau/internal/backend"
)

// lossHead predicts each position and, when there is a backward pass, computes the
// gradients of head and final norm; dx receives the gradient of the last residual stream.
func (p *pass) lossHead(ctx context.Context) (Predictions, error) {
	h, rstd, err := p.normed()
	defer p.release(h, rstd)
	if err != nil {
		return Predictions{}, err
	}
	head := p.head()
	w, err := p.weights.Weight(head)
	if err != nil {
		return Predictions{}, err
	}
	defer p.weights.Release(head, w)
	if p.backwards {
		announce(p.weights, p.before(len(p.cfg.Layers)))
	}
	sums, losses, backward, read := backend.RowSums, p.losses, p.headBackward, p.predictions
	if p.teacher != nil {
		sums, losses, backward, read = backend.DivergenceSums, p.divergeFromTeacher, p.teacherBackward, p.divergencesOfRows
	}
	rows := p.be.NewSums(p.b.Rows() * sums)
	defer p.be.FreeSums(rows)
	if err := losses(ctx, rows, h, w); err != nil {
		return Predictions{}, err
	}
	if !p.backwards {
		return read(rows), nil
	}
	dh := p.new(h.Len())
	defer p.release(dh)
	if err := backward(ctx, dh, h, w, rows); err != nil {
		return Predictions{}, err
	}
	return read(rows), p.finalNormBackward(dh, rstd)
}

// losses fills rows[N, RowSums] with what CrossEntropy knows of those of h[N, C].
func (p *pass) losses(ctx context.Context, rows backend.Sums, h, w backend.Buffer) error {
	keep := p.keepLogits()
	return p.eachBlock(ctx, func(_, from, to int) {
		logits := p.logits(h, w, from, to)
		p.be.CrossEntropyForward(rows, logits, p.b.targets, p.b.Rows(), from, to-from)
		if keep {
			p.keptLogits = append(p.keptLogits, logits)
		} else {
			p.release(logits)
		}
	})
}

// predictions reads rows.
func (p *pass) predictions(rows backend.Sums) Predictions {
	host := make([]float64, rows.Len())
	p.be.ReadSums(host, rows)
	q := Predictions{NLL: make([]float64, p.b.Rows()), Best: make([]int32, p.b.Rows())}
	for n, target := range p.b.targets {
		q.Best[n] = -1
		if r := host[n*backend.RowSums:]; target >= 0 {
			q.NLL[n], q.Best[n] = r[backend.RowLSE]-r[backend.RowPicked], int32(r[backend.RowBest])
		}
	}
	return q
}

// headBackward adds the gradient of h to dh[N, C] and gives that of the head away.
// It makes the logits again, block by block, unless they were kept.
func (p *pass) headBackward(ctx context.Context, dh, h, w backend.Buffer, rows backend.Sums) error {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	head := p.head()
	wanted := p.wants(head)
	var dw backend.Buffer
	if wanted {
		dw = p.new(head.Len())
	}
	scale := 1 / float32(p.b.divisor())
	err := p.eachBlock(ctx, func(i, from, to int) {
		var logits, d backend.Buffer
		if i < len(p.keptLogits) {
			logits, p.keptLogits[i] = p.keptLogits[i], nil
		} else {
			logits = p.logits(h, w, from, to)
		}
		if wanted {
			d = dw.Slice(from*C, to*C)
		}
		p.logitsBackward(logits, func() {
			p.be.CrossEntropyBackward(logits, rows, p.b.targets, N, from, to-from, scale)
		})
		p.be.LinearBackward(dh, nil, logits, nil, w.Slice(from*C, to*C), N, C, to-from)
		p.linearGrad(d, logits, h)
		p.release(logits)
	})
	switch {
	case !wanted:
		return err
	case err == nil && p.cfg.Tied:
		p.dtied = dw // its other half comes from the embedding
		return nil
	case err == nil:
		err = p.sink.Grad(head, dw)
	}
	p.release(dw)
	return err
}

// logits are those of h[N, C] for the entries [from, to) of the vocabulary.
func (p *pass) logits(h, w backend.Buffer, from, to int) backend.Buffer {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	logits := p.new(N * (to - from))
	p.be.LinearForward(logits, h, w.Slice(from*C, to*C), N, C, to-from)
	p.capLogits(logits)
	return logits
}

// capLogits gives logits their soft cap, in place, if the model has one.
func (p *pass) capLogits(logits backend.Buffer) {
	if p.cfg.LogitCap > 0 {
		p.be.SoftCapForward(logits, p.cfg.LogitCap)
	}
}

// logitsBackward replaces a block of logits by the gradient of what the head makes, in place; gradient does by that of logits.
func (p *pass) logitsBackward(logits backend.Buffer, gradient func()) {
	var capped backend.Buffer
	if p.cfg.LogitCap > 0 {
		capped = p.new(logits.Len())
		defer p.release(capped)
		p.be.Copy(capped, logits)
	}
	gradient()
	if capped != nil {
		p.be.SoftCapBackward(logits, capped, p.cfg.LogitCap)
	}
}

// eachBlock visits the blocks [from, to) of the vocabulary.
func (p *pass) eachBlock(ctx context.Context, f func(i, from, to int)) error {
	V := p.cfg.VocabSize
	size := cmp.Or(p.vocabBlock, vocabBlock(p.b.Rows(), V))
	for i := 0; i*size < V; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		f(i, i*size, min(V, (i+1)*size))
	}
	return nil
}

// vocabBlock is the entries of the vocabulary whose logits of N rows exist at once.
func vocabBlock(N, V int) int {
	const least = 256
	return min(V, max(least, logitsBytes/(4*N)/least*least))
}

// finalNormBackward takes dh, that of what normed gave, through the final norm into dx.
func (p *pass) finalNormBackward(dh, rstd backend.Buffer) error {
	N, C := p.b.Rows(), p.cfg.HiddenSize
	p.divideLogits(dh)
	norm := p.finalNorm()
	var dw backend.Buffer
	if p.wants(norm) {
		dw = p.new(C)
		defer p.release(dw)
	}
	p.dx = p.new(N * C)
	x := p.stream[len(p.stream)-1]
	err := p.with(norm, func(w backend.Buffer) error {
		p.normBackward(p.dx, dw, dh, x, w, rstd)
		return nil
	})
	if err != nil || dw == nil {
		return err
	}
	return p.sink.Grad(norm, dw)
}
