package cpu

import "moreau/internal/backend"

// GeGLUForward: out = gelu(gate) · up, element by element, gelu by tanh.
func (b *Backend) GeGLUForward(out, gate, up backend.Buffer) {
	g, u := all(gate), same(up, gate, "GeGLU up")
	o := output(out, len(g), "GeGLU out")
	b.chunks(len(o), func(_ *worker, lo, hi int) {
		b.geglu(o[lo:hi], g[lo:hi], u[lo:hi])
	})
}

// GeGLUBackward adds to dgate dout·up·gelu'(gate) and to dup dout·gelu(gate); either
// may be nil.
func (b *Backend) GeGLUBackward(dgate, dup, dout, gate, up backend.Buffer) {
	d, g, u := all(dout), same(gate, dout, "GeGLU gate"), same(up, dout, "GeGLU up")
	dg, addG := wanted(dgate, len(d), "GeGLU dgate")
	du, addU := wanted(dup, len(d), "GeGLU dup")
	b.chunks(len(d), func(w *worker, lo, hi int) {
		b.gegluGrad(part(w, dg, addG, lo, hi), part(w, du, addU, lo, hi), d[lo:hi], g[lo:hi], u[lo:hi])
	})
}
