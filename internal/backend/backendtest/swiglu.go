package backendtest

import (
	"math"

	"moreau/internal/backend"
)

func referenceSwiGLU(gate, up []float64) []float64 {
	out := make([]float64, len(gate))
	for i, g := range gate {
		out[i] = g / (1 + math.Exp(-g)) * up[i]
	}
	return out
}

func swiGLU(s *suite) { s.gated("SwiGLU", referenceSwiGLU, s.be.SwiGLUForward, s.be.SwiGLUBackward) }

// gated runs a gated activation, whose gate lets nothing through far below 0.
func (s *suite) gated(name string, reference func(gate, up []float64) []float64, forward func(out, gate, up backend.Buffer), backward func(dgate, dup, dout, gate, up backend.Buffer)) {
	for _, n := range lengths() {
		gate, up := s.values(n), s.values(n)
		for i := range gate {
			gate[i] *= 5
		}
		if n > 8 {
			gate[1], gate[2], gate[3], gate[4] = 100, -100, -89, 1e30
			gate[7], up[7] = math.NaN(), math.NaN()
		}
		out := s.junk(n)
		forward(out, s.buffer(gate), s.buffer(up))
		s.near(name+"Forward", s.read(out), reference(gate, up), rounding)
		inPlace := s.buffer(gate)
		forward(inPlace, inPlace, s.buffer(up))
		s.near(name+"Forward in place", s.read(inPlace), reference(gate, up), rounding)
		s.release()
	}
	for _, n := range []int{1, 3, 17, 33, 65, 2050} {
		gate, up := s.values(n), s.values(n)
		gate[0] = 30
		s.gradients(name+"Backward", op{
			reference: func(in [][]float64) []float64 { return reference(in[0], in[1]) },
			backward: func(d []backend.Buffer, dout backend.Buffer, in []backend.Buffer) {
				backward(d[0], d[1], dout, in[0], in[1])
			},
		}, gate, up)
	}
}
