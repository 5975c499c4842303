package backendtest

import (
	"math"

	"moreau/internal/backend"
)

func adamW(s *suite) {
	s.adamWOfPyTorch()
	for _, n := range lengths() {
		w, m, v := s.values(n), make([]float64, n), make([]float64, n)
		bw, bm, bv := s.buffer(w), s.buffer(m), s.buffer(v)
		step := backend.AdamWStep{LR: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.1}
		for step.Step = 1; step.Step <= 3; step.Step++ {
			g := s.values(n)
			s.be.AdamW(bw, bm, bv, s.buffer(g), step)
			for i, g := range g {
				m[i] = step.Beta1*m[i] + (1-step.Beta1)*g
				v[i] = step.Beta2*v[i] + (1-step.Beta2)*g*g
				mean := m[i] / (1 - math.Pow(step.Beta1, float64(step.Step)))
				square := v[i] / (1 - math.Pow(step.Beta2, float64(step.Step)))
				w[i] -= step.LR * (mean/(math.Sqrt(square)+step.Eps) + step.Decay*w[i])
			}
		}
		s.near("AdamW: w", s.read(bw), w, rounding)
		s.near("AdamW: m", s.read(bm), m, rounding)
		s.near("AdamW: v", s.read(bv), v, rounding)
		s.release()
	}
}

// adamWOfPyTorch: what torch.optim.AdamW (2.15, float32) makes of these weights.
func (s *suite) adamWOfPyTorch() {
	w := s.buffer([]float64{0.5, -1.25, 2, 0})
	m, v := s.buffer(make([]float64, 4)), s.buffer(make([]float64, 4))
	for i, step := range []struct{ g, want []float64 }{
		{[]float64{0.1, -0.2, 0, 3}, []float64{0.48950010538101196, -1.2387499809265137, 1.9980000257492065, -0.009999997913837433}},
		{[]float64{-0.3, 0.05, 0, 1}, []float64{0.49394357204437256, -1.2328072786331177, 1.9960020780563354, -0.01871645078063011}},
		{[]float64{1e-4, 2, -0.5, -4}, []float64{0.49726948142051697, -1.2375309467315674, 2.0003654956817627, -0.017859067767858505}},
	} {
		s.be.AdamW(w, m, v, s.buffer(step.g), backend.AdamWStep{Step: i + 1, LR: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-6, Decay: 0.1})
		s.near("AdamW of PyTorch", s.read(w), step.want, rounding)
	}
	s.release()
}
