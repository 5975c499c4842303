package cpu

import "moreau/internal/backend"

// RoPEForward turns the first R components of each head of x[B,T,H,D] in place: pair
// (i, i+R/2) by the angle whose cosine and sine stand at cos, sin[pos0+t, i].
func (b *Backend) RoPEForward(x, cos, sin backend.Buffer, B, T, H, D, R, pos0 int) {
	b.rope(x, cos, sin, B, T, H, D, R, pos0, 1)
}

// RoPEBackward rotates the gradient back, in place.
func (b *Backend) RoPEBackward(dx, cos, sin backend.Buffer, B, T, H, D, R, pos0 int) {
	b.rope(dx, cos, sin, B, T, H, D, R, pos0, -1)
}

func (b *Backend) rope(x, cos, sin backend.Buffer, B, T, H, D, R, pos0 int, sign float32) {
	half := R / 2
	xs := first(x, B*T*H*D, "RoPE x")
	c, s := first(cos, (pos0+T)*half, "RoPE cos"), first(sin, (pos0+T)*half, "RoPE sin")
	b.spans(B*T, max(1, 4*chunk/max(1, H*D)), func(_ *worker, lo, hi int) {
		for n := lo; n < hi; n++ {
			p := (pos0 + n%T) * half
			cosines, sines := c[p:p+half], s[p:p+half]
			for h := range H {
				head := xs[(n*H+h)*D:][:R]
				b.rotate(head[:half], head[half:], cosines, sines, sign)
			}
		}
	})
}
