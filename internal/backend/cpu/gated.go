package cpu

import "moreau/internal/backend"

// SwiGLUForward: out = silu(gate) · up, element by element.
func (b *Backend) SwiGLUForward(out, gate, up backend.Buffer) { b.gate(b.swiglu, out, gate, up) }

// SwiGLUBackward adds to dgate dout·up·σ(gate)·(1 + gate·(1-σ(gate))) and to dup
// dout·silu(gate); either may be nil.
func (b *Backend) SwiGLUBackward(dgate, dup, dout, gate, up backend.Buffer) {
	b.gateGrad(b.swigluGrad, dgate, dup, dout, gate, up)
}

// GeGLUForward: out = gelu(gate) · up, element by element, gelu by tanh.
func (b *Backend) GeGLUForward(out, gate, up backend.Buffer) { b.gate(b.geglu, out, gate, up) }

// GeGLUBackward adds to dgate dout·up·gelu'(gate) and to dup dout·gelu(gate); either
// may be nil.
func (b *Backend) GeGLUBackward(dgate, dup, dout, gate, up backend.Buffer) {
	b.gateGrad(b.gegluGrad, dgate, dup, dout, gate, up)
}

func (b *Backend) gate(kernel func(out, gate, up []float32), out, gate, up backend.Buffer) {
	g, u := all(gate), same(up, gate, "up of a gate")
	o := output(out, len(g), "out of a gate")
	b.chunks(len(o), func(_ *worker, lo, hi int) { kernel(o[lo:hi], g[lo:hi], u[lo:hi]) })
}

func (b *Backend) gateGrad(kernel func(dgate, dup, dout, gate, up []float32), dgate, dup, dout, gate, up backend.Buffer) {
	d, g, u := all(dout), same(gate, dout, "gate"), same(up, dout, "up of a gate")
	dg, addG := wanted(dgate, len(d), "dgate")
	du, addU := wanted(dup, len(d), "dup of a gate")
	b.chunks(len(d), func(w *worker, lo, hi int) {
		kernel(part(w, dg, addG, lo, hi), part(w, du, addU, lo, hi), d[lo:hi], g[lo:hi], u[lo:hi])
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
