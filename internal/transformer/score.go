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

// Score predicts the ends of texts, a group at a time: what all texts of a group begin with is
// computed once. Nothing is padded but texts of a few tokens, the head runs on the rows alone
// that predict something, and the bits of a text do not depend on the others.
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
	return f.split(groups, all), nil
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

// ScoreRows is how many rows Score makes of a group.
func ScoreRows(group []Text) int {
	f := &forest{}
	f.grow(group)
	return len(f.ids)
}

const (
	// scoreBlock is the entries of the vocabulary whose logits exist at once: a fixed number,
	// so that the sums over the vocabulary do not depend on the rows of a pass.
	scoreBlock = 4096
	// leastRows is how many rows an op gets at least: backends may compute few rows in another
	// order than many.
	leastRows = 8
)

// segment is a run of rows that are tokens in a row: of a text, or of the stem of a group.
type segment struct {
	lo, n  int // rows [lo, lo+n)
	tokens int // of them; those behind are there to make them leastRows
	first  int // position of the first: so many rows of the stem come before
	stem   int // row where the stem begins
}

// forest is groups of texts as rows: of each group the stem that its texts share, then what
// each has beyond it.
type forest struct {
	ids      []int32
	segments []segment
	rows     []int   // that predict something, text by text
	targets  []int32 // what
	longest  int     // tokens that are read of a text
}

func newForest(groups [][]Text) (*forest, error) {
	f := &forest{}
	for _, g := range groups {
		for _, t := range g {
			if t.From < 1 || t.From >= len(t.IDs) {
				return nil, fmt.Errorf("a text of %d tokens has none to predict from %d on", len(t.IDs), t.From)
			}
			f.longest = max(f.longest, len(t.IDs)-1)
		}
		if len(g) > 0 {
			f.grow(g)
		}
	}
	if len(f.rows) == 0 {
		return nil, fmt.Errorf("no tokens: there is no text")
	}
	return f, nil
}

// grow adds a group. The last token of a text predicts nothing and is not read.
func (f *forest) grow(group []Text) {
	shared := common(group)
	stem := f.add(group[0].IDs[:shared], 0, 0)
	for _, t := range group {
		read := t.IDs[:len(t.IDs)-1]
		branch := stem
		if len(read) > shared {
			branch = f.add(read[shared:], shared, stem.lo)
		}
		for i := t.From - 1; i < len(read); i++ {
			row := branch.lo + i - shared
			if i < shared {
				row = stem.lo + i
			}
			f.rows, f.targets = append(f.rows, row), append(f.targets, t.IDs[i+1])
		}
	}
}

// common is how many tokens are read of all texts alike.
func common(group []Text) int {
	n := len(group[0].IDs) - 1
	for _, t := range group[1:] {
		n = min(n, len(t.IDs)-1)
		for i := range n {
			if t.IDs[i] != group[0].IDs[i] {
				n = i
				break
			}
		}
	}
	return n
}

// add makes rows of ids, with more behind them where there are few.
func (f *forest) add(ids []int32, first, stem int) segment {
	s := segment{len(f.ids), max(leastRows, len(ids)), len(ids), first, stem}
	if len(ids) == 0 {
		return s
	}
	f.ids = append(append(f.ids, ids...), make([]int32, s.n-s.tokens)...)
	f.segments = append(f.segments, s)
	return s
}

// split gives each text what all say of its tokens.
func (f *forest) split(groups [][]Text, all Predictions) [][]Predictions {
	results := make([][]Predictions, len(groups))
	lo := 0
	for g, group := range groups {
		for _, t := range group {
			hi := lo + len(t.IDs) - t.From
			results[g] = append(results[g], Predictions{NLL: all.NLL[lo:hi], Best: all.Best[lo:hi]})
			lo = hi
		}
	}
	return results
}

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

// attendSegments is attention within texts: a segment's queries see the rows of its stem before
// it and its own.
func (p *pass) attendSegments(a *layerActs, s backend.AttentionShape) {
	Q, KV := s.H*s.D, s.K*s.D
	for _, g := range p.segments {
		s.T, s.S = g.n, g.first+g.n
		keys, values := p.behindStem(a.k, g, KV), p.behindStem(a.v, g, KV)
		rows := func(b backend.Buffer, width int) backend.Buffer { return b.Slice(g.lo*width, (g.lo+g.n)*width) }
		p.be.AttentionForward(rows(a.att, Q), rows(a.lse, s.H), rows(a.q, Q), keys, values, s)
		p.release(keys, values)
	}
}

// behindStem is the rows of a segment's stem that come before it, and its own.
func (p *pass) behindStem(x backend.Buffer, g segment, width int) backend.Buffer {
	all := p.new((g.first + g.n) * width)
	if g.first > 0 {
		p.be.Copy(all.Slice(0, g.first*width), x.Slice(g.stem*width, (g.stem+g.first)*width))
	}
	p.be.Copy(all.Slice(g.first*width, all.Len()), x.Slice(g.lo*width, (g.lo+g.n)*width))
	return all
}
