package transformer

import (
	"context"
	"fmt"

	"moreau/internal/backend"
)

// Session generates: it keeps the keys and values of the tokens seen so far.
type Session struct {
	t     *Transformer
	w     WeightSource
	cache *kvCache
}

// kvCache holds [capacity, K*D] keys and values a layer, of which used are filled.
type kvCache struct {
	k, v           []backend.Buffer
	used, capacity int
}

// NewSession makes room for capacity tokens.
func (t *Transformer) NewSession(w WeightSource, capacity int) *Session {
	c := &kvCache{capacity: capacity}
	for _, l := range t.cfg.Layers {
		n := capacity * l.KVHeads * t.cfg.HeadDim
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

// Append runs ids after what came before and returns the logits [V] of the last one.
func (s *Session) Append(ctx context.Context, ids []int32) ([]float32, error) {
	if s.cache.used+len(ids) > s.cache.capacity {
		return nil, fmt.Errorf("the session holds %d tokens, %d are too many", s.cache.capacity, s.cache.used+len(ids))
	}
	b, err := NewBatch([][]int32{ids})
	if err != nil {
		return nil, err
	}
	p := s.t.newPass(b, s.cache.capacity, s.w, Watch{})
	defer p.free()
	p.cache = s.cache
	logits, err := p.lastLogits(ctx)
	if err = p.end(err); err == nil {
		s.cache.used += len(ids)
	}
	return logits, err
}

// lastLogits are those [V] of the last position.
func (p *pass) lastLogits(ctx context.Context) (logits []float32, err error) {
	if err := p.forward(ctx); err != nil {
		return nil, err
	}
	p.keepLastRow()
	err = p.eachLogits(ctx, func(rows backend.Buffer, lo, hi int) error {
		logits = make([]float32, rows.Len())
		p.be.Download(logits, rows)
		return nil
	})
	return logits, err
}

// keepLastRow narrows the pass to its last position, so that the head runs on one row.
func (p *pass) keepLastRow() {
	C, last := p.cfg.HiddenSize, len(p.stream)-1
	row := p.new(C)
	p.be.Copy(row, p.stream[last].Slice((p.b.Rows()-1)*C, p.b.Rows()*C))
	p.release(p.stream[last])
	p.stream[last] = row
	p.b = Batch{B: 1, T: 1}
}

// first is the position of the pass's first token.
func (p *pass) first() int {
	if p.cache == nil {
		return 0
	}
	return p.cache.used
}

// add writes the keys and values of new tokens behind those of layer l and
// returns all of them.
func (c *kvCache) add(be backend.Backend, l int, k, v backend.Buffer) (keys, values backend.Buffer) {
	width := c.k[l].Len() / c.capacity
	lo := c.used * width
	hi := lo + k.Len()
	be.Copy(c.k[l].Slice(lo, hi), k)
	be.Copy(c.v[l].Slice(lo, hi), v)
	return c.k[l].Slice(0, hi), c.v[l].Slice(0, hi)
}
