package cpu

import "moreau/internal/backend"

// SwiGLUForward: out = silu(gate) · up, element by element.
func (b *Backend) SwiGLUForward(out, gate, up backend.Buffer) {
	g, u := all(gate), same(up, gate, "SwiGLU up")
	o := output(out, len(g), "SwiGLU out")
	b.chunks(len(o), func(_ *worker, lo, hi int) {
		b.swiglu(o[lo:hi], g[lo:hi], u[lo:hi])
	})
}

// SwiGLUBackward adds to dgate dout·up·σ(gate)·(1 + gate·(1-σ(gate))) and to dup
// dout·silu(gate); either may be nil.
func (b *Backend) SwiGLUBackward(dgate, dup, dout, gate, up backend.Buffer) {
	d, g, u := all(dout), same(gate, dout, "SwiGLU gate"), same(up, dout, "SwiGLU up")
	dg, addG := wanted(dgate, len(d), "SwiGLU dgate")
	du, addU := wanted(dup, len(d), "SwiGLU dup")
	b.chunks(len(d), func(w *worker, lo, hi int) {
		b.swigluGrad(part(w, dg, addG, lo, hi), part(w, du, addU, lo, hi), d[lo:hi], g[lo:hi], u[lo:hi])
	})
}

// part is x[lo:hi] to be added to, or scratch to be forgotten where x is not wanted.
func part(w *worker, x []float32, add bool, lo, hi int) []float32 {
	if x == nil {
		return w.scratch(hi - lo)
	}
	if !add {
		clear(x[lo:hi])
	}
	return x[lo:hi]
}
