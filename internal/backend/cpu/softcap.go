package cpu

import "moreau/internal/backend"

// SoftCapForward: x = cap · tanh(x/cap), in place.
func (b *Backend) SoftCapForward(x backend.Buffer, cap float32) {
	xs := all(x)
	b.chunks(len(xs), func(_ *worker, lo, hi int) {
		b.softCap(xs[lo:hi], 1, cap)
	})
}

// SoftCapBackward: dx *= 1 - (y/cap)², in place.
func (b *Backend) SoftCapBackward(dx, y backend.Buffer, cap float32) {
	d, ys := all(dx), same(y, dx, "SoftCap y")
	b.chunks(len(d), func(w *worker, lo, hi int) {
		less := w.scratch(hi - lo)
		b.capLoss(less, ys[lo:hi], cap)
		b.mulAdd(d[lo:hi], 1, d[lo:hi], less)
	})
}

// softCap: x = cap · tanh(scale·x/cap).
func (k *kernels) softCap(x []float32, scale, cap float32) { k.tanh(x, x, scale/cap, cap) }

// capLoss is the slope of the cap where it gave y, less the 1 that it would be without.
func (k *kernels) capLoss(less, y []float32, cap float32) { k.mul(less, -1/(cap*cap), y, y) }
