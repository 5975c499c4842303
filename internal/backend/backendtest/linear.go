package backendtest

import "moreau/internal/backend"

// referenceLinear: out[N,O] = x[N,I] · w[O,I]ᵀ.
func referenceLinear(x, w []float64, N, I, O int) []float64 {
	out := make([]float64, N*O)
	for n := range N {
		for o := range O {
			out[n*O+o] = dot(x[n*I:(n+1)*I], w[o*I:(o+1)*I])
		}
	}
	return out
}

// transpose of x[rows, cols].
func transpose(x []float64, rows, cols int) []float64 {
	out := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = x[i*cols+j]
		}
	}
	return out
}

// linearShapes meet every edge of a micro-tile, and cross the blocks of a product.
var linearShapes = [][3]int{
	{1, 1, 1}, {1, 17, 33}, {2, 65, 3}, {3, 3, 3}, {4, 33, 130}, {5, 1, 17}, {17, 3, 1}, {17, 33, 5},
	{33, 17, 65}, {65, 65, 65}, {48, 64, 96}, {7, 700, 9}, {101, 5, 300}, {9, 33, 1300},
}

func linear(s *suite) {
	for _, shape := range linearShapes {
		N, I, O := shape[0], shape[1], shape[2]
		x, w := s.values(N*I), s.values(O*I)
		out := s.junk(N * O)
		s.be.LinearForward(out, s.buffer(x), s.buffer(w), N, I, O)
		s.near("LinearForward", s.read(out), referenceLinear(x, w, N, I, O), s.summed(I))
		s.release()
		s.linearBackward(x, w, N, I, O)
	}
	s.gradients("LinearBackward", op{
		reference: func(in [][]float64) []float64 { return referenceLinear(in[0], in[1], 5, 17, 3) },
		backward: func(d []backend.Buffer, dout backend.Buffer, in []backend.Buffer) {
			s.be.LinearBackward(d[0], d[1], dout, in[0], in[1], 5, 17, 3)
		},
	}, s.values(5*17), s.values(3*17))
}

// linearBackward compares whole gradients with those of the reference, which are
// products too.
func (s *suite) linearBackward(x, w []float64, N, I, O int) {
	defer s.release()
	dout := s.values(N * O)
	dx, dw := s.values(N*I), s.values(O*I)
	gx, gw, d := s.buffer(dx), s.buffer(dw), s.buffer(dout)
	s.be.LinearBackward(gx, nil, d, nil, s.buffer(w), N, I, O)
	s.be.LinearBackward(nil, gw, d, s.buffer(x), nil, N, I, O)
	add(dx, referenceLinear(dout, transpose(w, O, I), N, O, I))
	add(dw, referenceLinear(transpose(dout, N, O), transpose(x, N, I), O, N, I))
	s.near("LinearBackward dx", s.read(gx), dx, s.summed(O))
	s.near("LinearBackward dw", s.read(gw), dw, s.summed(N))
}

// add: y += x.
func add(y, x []float64) {
	for i, v := range x {
		y[i] += v
	}
}

// rounding16: inputs of Linear ops that bf16 does not hold are rounded to it.
func rounding16(s *suite) {
	fine := *s
	fine.held = func(x float64) float64 { return float64(float32(x)) }
	for _, shape := range linearShapes {
		N, I, O := shape[0], shape[1], shape[2]
		x, w, dout := fine.values(N*I), fine.values(O*I), fine.values(N*O)
		xr, wr, dr := each(bfloat16, x), each(bfloat16, w), each(bfloat16, dout)
		out, dx, dw := s.junk(N*O), s.buffer(make([]float64, N*I)), s.buffer(make([]float64, O*I))
		s.be.LinearForward(out, s.buffer(x), s.buffer(w), N, I, O)
		s.be.LinearBackward(dx, dw, s.buffer(dout), s.buffer(x), s.buffer(w), N, I, O)
		s.near("LinearForward", s.read(out), referenceLinear(xr, wr, N, I, O), s.summed(I))
		s.near("LinearBackward dx", s.read(dx), referenceLinear(dr, transpose(wr, O, I), N, O, I), s.summed(O))
		s.near("LinearBackward dw", s.read(dw), referenceLinear(transpose(dr, N, O), transpose(xr, N, I), O, N, I), s.summed(N))
		s.release()
	}
}

// each is f of every value.
func each(f func(float64) float64, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}
