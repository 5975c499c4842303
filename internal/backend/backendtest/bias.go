package backendtest

import "moreau/internal/backend"

// referenceBias gives out[N,C] = x[N,C] + bias[C].
func referenceBias(x, bias []float64, C int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v + bias[i%C]
	}
	return out
}

func bias(s *suite) {
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {33, 3}, {65, 33}, {130, 65}, {2, 4100}} {
		N, C := shape[0], shape[1]
		x, b := s.values(N*C), s.values(C)
		out, add := s.buffer(x), s.buffer(b)
		s.be.BiasForward(out, add, N, C)
		s.near("BiasForward", s.read(out), referenceBias(x, b, C), rounding)
		s.near("bias of BiasForward", s.read(add), b, exact)
		s.release()
		s.gradients("BiasBackward", op{
			reference: func(in [][]float64) []float64 { return referenceBias(x, in[0], C) },
			backward: func(d []backend.Buffer, dout backend.Buffer, _ []backend.Buffer) {
				if d[0] != nil {
					s.be.BiasBackward(d[0], dout, N, C)
				}
			},
		}, b)
	}
}
