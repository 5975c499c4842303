package cpu

import "moreau/internal/backend"

// Normal fills dst with standard normal draws. Draw i of a buffer depends on
// (seed, stream, i) only, where i counts from the start of dst: a Slice begins
// with draw 0 again.
func (b *Backend) Normal(dst backend.Buffer, seed, stream uint64) {
	d := output(dst, dst.Len(), "Normal dst")
	b.chunks(len(d), func(_ *worker, lo, hi int) {
		whole := lo + (hi-lo)/drawGroup*drawGroup
		b.normal(d[lo:whole], uint64(lo/drawGroup), seed, stream)
		if whole < hi {
			var last [drawGroup]float32
			normalGeneric(last[:], uint64(whole/drawGroup), seed, stream)
			copy(d[whole:hi], last[:])
		}
	})
}

// noDelta stands for a delta that is nil.
var noDelta [chunk]float32

// Perturb: dst = w + delta + std·|w|·z, or + std·z when absolute. delta may be nil (0).
func (b *Backend) Perturb(dst, w, delta, z backend.Buffer, std float32, absolute bool) {
	ws, zs := same(w, dst, "Perturb w"), same(z, dst, "Perturb z")
	var ds []float32
	if delta != nil {
		ds = same(delta, dst, "Perturb delta")
	}
	o := output(dst, len(ws), "Perturb dst")
	relative, constant := std, float32(0)
	if absolute {
		relative, constant = 0, std
	}
	b.chunks(len(o), func(_ *worker, lo, hi int) {
		d := noDelta[:hi-lo]
		if ds != nil {
			d = ds[lo:hi]
		}
		b.perturb(o[lo:hi], ws[lo:hi], d, zs[lo:hi], relative, constant)
	})
}

// Axpby: y = a·x + b·y.
func (be *Backend) Axpby(y backend.Buffer, a float32, x backend.Buffer, b float32) {
	ys, xs := all(y), same(x, y, "Axpby x")
	be.chunks(len(ys), func(_ *worker, lo, hi int) { be.axpby(ys[lo:hi], a, xs[lo:hi], b) })
}

// AddSquares: y += a·x².
func (b *Backend) AddSquares(y backend.Buffer, a float32, x backend.Buffer) {
	ys, xs := all(y), same(x, y, "AddSquares x")
	b.chunks(len(ys), func(_ *worker, lo, hi int) { b.mulAdd(ys[lo:hi], a, xs[lo:hi], xs[lo:hi]) })
}
