package backendtest

import "math"

func referenceGeGLU(gate, up []float64) []float64 {
	out := make([]float64, len(gate))
	for i, g := range gate {
		out[i] = g / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(g+0.044715*g*g*g))) * up[i]
	}
	return out
}

func geGLU(s *suite) { s.gated("GeGLU", referenceGeGLU, s.be.GeGLUForward, s.be.GeGLUBackward) }
