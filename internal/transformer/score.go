package transformer

import (
	"context"
	"fmt"

	"moreau/internal/backend"
)

// Text is token ids, of which those from From on are predicted, each from all before it.
type Text struct {
	IDs  []int32
	From int // 1 at least, less than there are ids
}

// Score predicts the ends of texts, which come in groups: what several of them begin with is
// computed once. Nothing is padded, the head runs on the rows alone that predict something, and
// the bits of a text do not depend on the others.
// Result [group][text], of each predicted token. All texts must turn alike (TurnAlike).
func (t *Transformer) Score(ctx context.Context, groups [][]Text, w WeightSource) ([][]Predictions, error) {
	f, err := newForest(groups)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for _, text := range g {
			if n := len(text.IDs) - 1; !t.TurnAlike(n, f.longest) {
				return nil, fmt.Errorf("texts of %d and %d tokens turn by other angles; score them apart", n, f.longest)
			}
		}
	}
	p := t.newPass(Batch{B: 1, T: len(f.ids), ids: f.ids}, f.longest, w, Watch{})
	defer p.free()
	p.segments, p.vocabBlock = f.segments, scoreBlock
	all, err := p.score(ctx, f)
	if err := p.end(err); err != nil {
		return nil, err
	}
	return f.share(groups, all), nil
}

// TurnAlike says whether the tokens of sequences of a and of b tokens turn by the same angles.
// Under dynamic scaling and LongRoPE those of long ones may not.
func (t *Transformer) TurnAlike(a, b int) bool {
	for _, kind := range t.turns.keys {
		if kind.rope.FreqLength(a) != kind.rope.FreqLength(b) {
			return false
		}
	}
	return true
}

// ScoreRows is how many rows Score makes of a group alone.
func ScoreRows(group []Text) int {
	f := &forest{}
	for _, t := range group {
		f.grow(t)
	}
	return len(f.ids)
}

// scoreBlock is the entries of the vocabulary whose logits exist at once: a fixed number,
// so that the sums over the vocabulary do not depend on the rows of a pass.
const scoreBlock = 4096

// score is the pass: all rows through the layers, those that predict through the head.
func (p *pass) score(ctx context.Context, f *forest) (Predictions, error) {
	if err := p.forward(ctx); err != nil {
		return Predictions{}, err
	}
	p.keepRows(f.rows, f.targets)
	return p.lossHead(ctx)
}

// keepRows narrows the pass to some rows, which may come twice, and to leastRows at least.
func (p *pass) keepRows(rows []int, targets []int32) {
	for len(rows) < leastRows {
		rows, targets = append(rows, rows[0]), append(targets, targets[0])
	}
	C, last := p.cfg.HiddenSize, len(p.stream)-1
	kept := p.new(len(rows) * C)
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n] == rows[i]+n {
			n++
		}
		p.be.Copy(kept.Slice(i*C, (i+n)*C), p.stream[last].Slice(rows[i]*C, (rows[i]+n)*C))
		i += n
	}
	p.release(p.stream[last])
	p.stream[last] = kept
	p.b = Batch{B: 1, T: len(rows), targets: targets}
}

// attendSegments is attention within texts: a segment's queries see the rows that come before
// it and its own. Few queries get more behind them, of zeros, which nobody looks at.
func (p *pass) attendSegments(a *layerActs, s backend.AttentionShape) {
	Q, KV := s.H*s.D, s.K*s.D
	for _, g := range p.segments {
		s.T = max(leastRows, g.n)
		s.S = g.first + s.T
		keys, values := p.way(a.k, g, s.S, KV), p.way(a.v, g, s.S, KV)
		own := func(b backend.Buffer, width int) backend.Buffer { return b.Slice(g.lo*width, (g.lo+g.n)*width) }
		q, att, lse := own(a.q, Q), own(a.att, Q), own(a.lse, s.H)
		if g.n < s.T {
			q, att, lse = p.new(s.T*Q), p.new(s.T*Q), p.new(s.T*s.H)
			p.be.Copy(q.Slice(0, g.n*Q), own(a.q, Q))
		}
		p.be.AttentionForward(att, lse, q, keys, values, s)
		if g.n < s.T {
			p.be.Copy(own(a.att, Q), att.Slice(0, g.n*Q))
			p.release(q, att, lse)
		}
		p.release(keys, values)
	}
}

// way is n rows of x: those that come before a segment, its own, and zeros.
func (p *pass) way(x backend.Buffer, g *segment, n, width int) backend.Buffer {
	all := p.new(n * width)
	for ; g.n > 0; g = g.before {
		p.be.Copy(all.Slice(g.first*width, (g.first+g.n)*width), x.Slice(g.lo*width, (g.lo+g.n)*width))
	}
	return all
}
