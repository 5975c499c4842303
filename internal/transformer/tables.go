package transformer

import "math"

// growTables makes the RoPE tables cover positions 0..n-1. Angles are computed
// in float64 from float32 inverse frequencies, as transformers does.
func (t *Transformer) growTables(n int) {
	if n <= t.tableLen {
		return
	}
	if t.cos != nil {
		t.be.Free(t.cos)
		t.be.Free(t.sin)
	}
	inv := t.cfg.Rope.InvFreq(t.cfg.HeadDim)
	half := len(inv)
	t.tableLen = n
	t.cos, t.sin = t.be.New(n*half), t.be.New(n*half)
	fill := func(f func(float64) float64) func([]float32, int) {
		return func(part []float32, lo int) {
			for i := range part {
				pos, pair := (lo+i)/half, (lo+i)%half
				part[i] = float32(f(float64(pos) * inv[pair]))
			}
		}
	}
	t.be.Upload(t.cos, fill(math.Cos))
	t.be.Upload(t.sin, fill(math.Sin))
}
