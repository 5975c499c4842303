package transformer

import (
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// rotation is what turns queries or keys of some layers: cosines and sines of the positions
// 0..n-1, [n, R/2] with R = Rotary, grown on demand.
type rotation struct {
	rope     model.Rope
	growth   model.QueryGrowth
	cos, sin backend.Buffer
	n        int
	length   int // Rope.FreqLength they were made for
}

// rotations are those of a model, for the layers with each kind of positions. Layers without
// any have none. Growing queries turn and grow in one: they have tables of their own.
type rotations struct{ queries, keys map[model.Positions]*rotation }

func newRotations(cfg *model.Config) rotations {
	r := rotations{map[model.Positions]*rotation{}, map[model.Positions]*rotation{}}
	for positions, rope := range map[model.Positions]model.Rope{model.MainRope: cfg.Rope, model.LocalRope: cfg.LocalRope} {
		if !cfg.HasPositions(positions) {
			continue
		}
		r.keys[positions] = &rotation{rope: rope}
		r.queries[positions] = r.keys[positions]
		if cfg.Growth.Beta > 0 {
			r.queries[positions] = &rotation{rope: rope, growth: cfg.Growth}
		}
	}
	return r
}

// growTables makes the RoPE tables cover positions 0..n-1 of a sequence of n tokens.
func (t *Transformer) growTables(n int) {
	for _, kind := range []map[model.Positions]*rotation{t.turns.queries, t.turns.keys} {
		for _, r := range kind {
			r.grow(t.be, t.cfg.Rotary(), n)
		}
	}
}

// grow computes angles in float64. Under dynamic scaling and LongRoPE those of a
// sequence beyond the context, or the original one, depend on its length, as in
// transformers where one pass takes all of it; a Session's length is its capacity.
func (r *rotation) grow(be backend.Backend, R, n int) {
	length := r.rope.FreqLength(n)
	if n <= r.n && length == r.length {
		return
	}
	if r.cos != nil {
		be.Free(r.cos)
		be.Free(r.sin)
	}
	inv, scale := r.rope.InvFreq(R, length), r.rope.Attention()
	half := len(inv)
	r.n, r.length = n, length
	r.cos, r.sin = be.New(n*half), be.New(n*half)
	fill := func(f func(float64) float64) func([]float32, int) {
		return func(part []float32, lo int) {
			for i := range part {
				pos, pair := (lo+i)/half, (lo+i)%half
				part[i] = float32(r.growth.At(pos) * scale * f(float64(pos)*inv[pair]))
			}
		}
	}
	be.Upload(r.cos, fill(math.Cos))
	be.Upload(r.sin, fill(math.Sin))
}

// rotate turns the H heads of x [B, T, H, D], in place.
func (p *pass) rotate(r *rotation, x backend.Buffer, H int) {
	if r == nil {
		return
	}
	D, R := p.cfg.HeadDim, p.cfg.Rotary()
	if p.segments == nil {
		p.be.RoPEForward(x, r.cos, r.sin, p.b.B, p.b.T, H, D, R, p.first())
	}
	for _, g := range p.segments {
		p.be.RoPEForward(x.Slice(g.lo*H*D, (g.lo+g.n)*H*D), r.cos, r.sin, 1, g.n, H, D, R, g.first)
	}
}

// rotateBack takes the gradient of what rotate gave to that of what it got, in place.
func (p *pass) rotateBack(r *rotation, dx backend.Buffer, H int) {
	if r != nil {
		p.be.RoPEBackward(dx, r.cos, r.sin, p.b.B, p.b.T, H, p.cfg.HeadDim, p.cfg.Rotary(), p.first())
	}
}
