package backendtest

import (
	"math"
	"slices"
)

// referenceRoPE rotates pair (i, i+R/2) of each head of x[B,T,H,D].
func referenceRoPE(x, cos, sin []float64, B, T, H, D, R, pos0 int, sign float64) []float64 {
	out, half := slices.Clone(x), R/2
	for n := range B * T * H {
		at := (pos0 + n/H%T) * half
		for i := range half {
			a, b, c, s := x[n*D+i], x[n*D+half+i], cos[at+i], sign*sin[at+i]
			out[n*D+i], out[n*D+half+i] = a*c-b*s, b*c+a*s
		}
	}
	return out
}

func rope(s *suite) {
	for _, shape := range [][6]int{{1, 1, 1, 2, 2, 0}, {2, 3, 5, 16, 16, 4}, {1, 17, 3, 34, 34, 0}, {3, 5, 1, 66, 66, 9}, {2, 33, 9, 64, 64, 1}, {2, 3, 5, 16, 12, 4}, {1, 9, 2, 96, 72, 3}} {
		B, T, H, D, R, pos0 := shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
		x, cos, sin := s.values(B*T*H*D), make([]float64, (pos0+T)*R/2), make([]float64, (pos0+T)*R/2)
		for i := range cos {
			sine, cosine := math.Sincos(s.random.Float64() * 2 * math.Pi)
			cos[i], sin[i] = float64(float32(cosine)), float64(float32(sine))
		}
		rotated, back := s.buffer(x), s.buffer(x)
		s.be.RoPEForward(rotated, s.buffer(cos), s.buffer(sin), B, T, H, D, R, pos0)
		s.near("RoPEForward", s.read(rotated), referenceRoPE(x, cos, sin, B, T, H, D, R, pos0, 1), rounding)
		s.be.RoPEBackward(back, s.buffer(cos), s.buffer(sin), B, T, H, D, R, pos0)
		s.near("RoPEBackward", s.read(back), referenceRoPE(x, cos, sin, B, T, H, D, R, pos0, -1), rounding)
		s.release()

		forward := func(in [][]float64) []float64 { return referenceRoPE(in[0], cos, sin, B, T, H, D, R, pos0, 1) }
		at := s.sample(len(x))
		got := pick(referenceRoPE(x, cos, sin, B, T, H, D, R, pos0, -1), at)
		s.near("gradient of the reference", got, differentiate(forward, [][]float64{x}, 0, at, x), s.differences())
	}
}
