package transformer

import "math"

// growTables makes the RoPE tables cover positions 0..n-1 of a sequence of n tokens.
// Angles are computed in float64. Under dynamic scaling and LongRoPE those of a
// sequence beyond the context, or the original one, depend on its length, as in
// transformers where one pass takes all of it; a Session's length is its capacity.
func (t *Transformer) growTables(n int) {
	length := t.cfg.Rope.FreqLength(n)
	if n <= t.tableLen && length == t.tableFor {
		return
	}
	if t.cos != nil {
		t.be.Free(t.cos)
		t.be.Free(t.sin)
	}
	inv, scale := t.cfg.Rope.InvFreq(t.cfg.Rotary(), length), t.cfg.Rope.Attention()
	half := len(inv)
	t.tableLen, t.tableFor = n, length
	t.cos, t.sin = t.be.New(n*half), t.be.New(n*half)
	fill := func(f func(float64) float64) func([]float32, int) {
		return func(part []float32, lo int) {
			for i := range part {
				pos, pair := (lo+i)/half, (lo+i)%half
				part[i] = float32(scale * f(float64(pos)*inv[pair]))
			}
		}
	}
	t.be.Upload(t.cos, fill(math.Cos))
	t.be.Upload(t.sin, fill(math.Sin))
}
