package backendtest

import "math"

func referenceSoftCap(x []float64, cap float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = cap * math.Tanh(v/cap)
	}
	return out
}

func softCap(s *suite) {
	for _, n := range append(lengths(), 2050) {
		const cap = 3
		x, dx := s.values(n), s.values(n)
		for i := range x {
			x[i] *= 3
		}
		if n > 8 {
			x[1], x[2], x[3], x[4], x[5] = math.Inf(1), math.Inf(-1), math.NaN(), 1e-30, -1e30
		}
		b, want := s.buffer(x), referenceSoftCap(x, cap)
		s.be.SoftCapForward(b, cap)
		s.near("SoftCapForward", s.read(b), want, rounding)
		grad, slope := s.buffer(dx), make([]float64, n)
		s.be.SoftCapBackward(grad, b, cap)
		for i := range x {
			at := [][]float64{{x[i]}}
			slope[i] = differentiate(func(in [][]float64) []float64 { return referenceSoftCap(in[0], cap) }, at, 0, []int{0}, dx[i:i+1])[0]
			if math.IsInf(x[i], 0) {
				slope[i] = 0 // the difference of infinities is none
			}
		}
		s.near("SoftCapBackward", s.read(grad), slope, s.differences())
		s.near("y after SoftCapBackward", s.read(b), want, rounding)
		s.release()
	}
}
