package transformer

import (
	"context"
	"fmt"
	"slices"

	"moreau/internal/backend"
)

// Session generates: it keeps the keys and values of the tokens seen so far, of one sequence or
// of several that grow together.
type Session struct {
	t     *Transformer
	w     WeightSource
	cache *kvCache
}

// kvCache holds [sequences, capacity, K*D] keys and values a layer; of each sequence used positions are filled.
type kvCache struct {
	k, v                      []backend.Buffer
	sequences, used, capacity int
}

// NewSession makes room for capacity tokens of one sequence.
func (t *Transformer) NewSession(w WeightSource, capacity int) *Session {
	return t.NewSessions(w, 1, capacity)
}

// NewSessions makes room for capacity tokens of each of several sequences.
func (t *Transformer) NewSessions(w WeightSource, sequences, capacity int) *Session {
	c := &kvCache{sequences: sequences, capacity: capacity}
	for _, l := range t.cfg.Layers {
		n := sequences * capacity * l.KVHeads * t.cfg.HeadDim
		c.k, c.v = append(c.k, t.be.New(n)), append(c.v, t.be.New(n))
	}
	return &Session{t: t, w: w, cache: c}
}

// Close frees the cache.
func (s *Session) Close() {
	for l := range s.cache.k {
		s.t.be.Free(s.cache.k[l])
		s.t.be.Free(s.cache.v[l])
	}
}

// Keep forgets all but the first n tokens, of as many at least.
func (s *Session) Keep(n int) { s.cache.used = n }

// Append runs ids of the one sequence after what came before and returns the logits [V] of the last one.
func (s *Session) Append(ctx context.Context, ids []int32) ([]float32, error) {
	logits := make([]float32, s.t.cfg.VocabSize)
	return logits, s.AppendEach(ctx, [][]int32{ids}, logits)
}

// partRows is how many rows of a prompt go through the model at once: enough for products at full speed,
// and a long prompt takes no more memory than that besides its keys and values.
const partRows = 512

// AppendEach runs ids of every sequence, as many of each, after what came before, and fills logits
// [sequences, V] with those of the last ones. What comes before them is left as it was where that fails.
func (s *Session) AppendEach(ctx context.Context, ids [][]int32, logits []float32) error {
	b, err := NewBatch(ids)
	if err != nil {
		return err
	}
	switch {
	case b.B != s.cache.sequences || slices.Min(b.lengths) != b.T:
		return fmt.Errorf("the session has %d sequences of one length, not %d of %d to %d more tokens", s.cache.sequences, b.B, slices.Min(b.lengths), b.T)
	case s.cache.used+b.T > s.cache.capacity:
		return fmt.Errorf("the session holds %d tokens, %d are too many", s.cache.capacity, s.cache.used+b.T)
	}
	before := s.cache.used
	parts := min(b.T, (b.B*b.T+partRows-1)/partRows) // about equal, so that none has so few rows that a backend would sum in another order
	for i := range parts {
		part := make([][]int32, b.B)
		for r, row := range ids {
			part[r] = row[b.T*i/parts : b.T*(i+1)/parts]
		}
		var last []float32
		if i == parts-1 {
			last = logits
		}
		if err := s.run(ctx, part, last); err != nil {
			s.Keep(before)
			return err
		}
	}
	return nil
}

// run takes ids into the cache and fills logits, unless nil.
func (s *Session) run(ctx context.Context, ids [][]int32, logits []float32) error {
	b, err := NewBatch(ids)
	if err != nil {
		return err
	}
	p := s.t.newPass(b, s.cache.capacity, s.w, Watch{})
	defer p.free()
	p.cache = s.cache
	if err = p.forward(ctx); err == nil && logits != nil {
		err = p.lastLogits(ctx, logits)
	}
	if err = p.end(err); err == nil {
		s.cache.used += b.T
	}
	return err
}

// lastLogits fills logits [B, V] with those of the last position of each sequence, after forward.
func (p *pass) lastLogits(ctx context.Context, logits []float32) error {
	p.keepLastRows()
	V := p.cfg.VocabSize
	return p.eachLogits(ctx, func(rows backend.Buffer, lo, hi int) error {
		p.be.Download(logits[lo*V:hi*V], rows)
		return nil
	})
}

// keepLastRows narrows the pass to the last position of each sequence, so that the head runs on these alone.
func (p *pass) keepLastRows() {
	C, T, last := p.cfg.HiddenSize, p.b.T, len(p.stream)-1
	rows := p.new(p.b.B * C)
	for b := range p.b.B {
		p.be.Copy(rows.Slice(b*C, (b+1)*C), p.stream[last].Slice(((b+1)*T-1)*C, (b+1)*T*C))
	}
	p.release(p.stream[last])
	p.stream[last] = rows
	p.b = Batch{B: p.b.B, T: 1}
}

// first is the position of the pass's first token.
func (p *pass) first() int {
	if p.cache == nil {
		return 0
	}
	return p.cache.used
}

// attendCached is attention over what the cache holds of each sequence and the batch adds to it.
func (p *pass) attendCached(l int, a *layerActs, s backend.AttentionShape) {
	part := func(x backend.Buffer, b int) backend.Buffer {
		n := x.Len() / p.b.B
		return x.Slice(b*n, (b+1)*n)
	}
	s.B = 1
	for b := range p.b.B {
		keys, values := p.cache.add(p.be, l, b, part(a.k, b), part(a.v, b))
		p.be.AttentionForward(part(a.att, b), part(a.lse, b), part(a.q, b), keys, values, s)
	}
}

// add writes the keys and values of new tokens behind those of layer l of a sequence and
// returns all of them.
func (c *kvCache) add(be backend.Backend, l, sequence int, k, v backend.Buffer) (keys, values backend.Buffer) {
	width := c.k[l].Len() / (c.sequences * c.capacity)
	first := sequence * c.capacity * width
	lo := first + c.used*width
	hi := lo + k.Len()
	be.Copy(c.k[l].Slice(lo, hi), k)
	be.Copy(c.v[l].Slice(lo, hi), v)
	return c.k[l].Slice(first, hi), c.v[l].Slice(first, hi)
}
