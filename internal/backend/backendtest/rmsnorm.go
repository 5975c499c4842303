package backendtest

import (
	"math"

	"moreau/internal/backend"
)

const normEps = 1e-5

// referenceRMSNorm gives out[N,C] and rstd[N].
func referenceRMSNorm(x, w []float64, N, C int) (out, rstd []float64) {
	out, rstd = make([]float64, N*C), make([]float64, N)
	for n := range N {
		row := x[n*C : (n+1)*C]
		rstd[n] = 1 / math.Sqrt(dot(row, row)/float64(C)+normEps)
		for j, v := range row {
			out[n*C+j] = v * rstd[n] * w[j]
		}
	}
	return out, rstd
}

func rmsNorm(s *suite) {
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {33, 3}, {65, 33}, {70, 65}, {2, 4100}} {
		N, C := shape[0], shape[1]
		x, w := s.values(N*C), s.values(C)
		out, rstd := s.junk(N*C), s.junk(N)
		s.be.RMSNormForward(out, rstd, s.buffer(x), s.buffer(w), N, C, normEps)
		wantOut, wantRstd := referenceRMSNorm(x, w, N, C)
		s.near("RMSNormForward out", s.read(out), wantOut, rounding)
		s.near("RMSNormForward rstd", s.read(rstd), wantRstd, rounding)
		s.release()
		s.gradients("RMSNormBackward", op{
			reference: func(in [][]float64) []float64 { out, _ := referenceRMSNorm(in[0], in[1], N, C); return out },
			backward: func(d []backend.Buffer, dout backend.Buffer, in []backend.Buffer) {
				s.be.RMSNormBackward(d[0], d[1], dout, in[0], in[1], s.buffer(wantRstd), N, C)
			},
		}, x, w)
	}
}
