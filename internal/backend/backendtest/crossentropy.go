package backendtest

import "math"

func referenceCrossEntropy(logits []float64, targets []int32, N, V int) []float64 {
	nll := make([]float64, N)
	for n := range N {
		row := logits[n*V : (n+1)*V]
		top, sum := math.Inf(-1), 0.0
		for _, v := range row {
			top = max(top, v)
		}
		for _, v := range row {
			sum += math.Exp(v - top)
		}
		if targets[n] >= 0 {
			nll[n] = top + math.Log(sum) - row[targets[n]]
		}
	}
	return nll
}

func crossEntropy(s *suite) {
	const scale = 0.25
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {5, 33}, {17, 65}, {2, 5000}} {
		N, V := shape[0], shape[1]
		logits, targets := s.values(N*V), make([]int32, N)
		for n := range targets {
			targets[n] = int32(s.random.IntN(V+1) - 1)
		}
		b, nll := s.buffer(logits), make([]float64, N)
		s.be.CrossEntropyForward(nll, b, targets, N, V)
		s.near("CrossEntropyForward", nll, referenceCrossEntropy(logits, targets, N, V), rounding)
		s.near("logits after CrossEntropyForward", s.read(b), logits, exact)
		s.be.CrossEntropyBackward(b, nll, targets, N, V, scale)
		ones := make([]float64, N)
		for n := range ones {
			ones[n] = scale
		}
		forward := func(in [][]float64) []float64 { return referenceCrossEntropy(in[0], targets, N, V) }
		at := s.sample(len(logits))
		want := differentiate(forward, [][]float64{logits}, 0, at, ones)
		s.near("CrossEntropyBackward", pick(s.read(b), at), want, differences)
		s.release()
	}
}

// crossEntropyLarge: logits beyond the range of exp, a loss from a large
// vocabulary to 1e-7 of itself, and gradients that sum to 0.
func crossEntropyLarge(s *suite) {
	defer s.release()
	const N, V = 2, 49152
	logits, targets := s.values(N*V), []int32{5, 70}
	for i := range logits {
		logits[i] = float64(float32(logits[i]*3 + 300))
	}
	b, nll := s.buffer(logits), make([]float64, N)
	s.be.CrossEntropyForward(nll, b, targets, N, V)
	s.near("CrossEntropyForward", nll, referenceCrossEntropy(logits, targets, N, V), 1e-7)
	s.be.CrossEntropyBackward(b, nll, targets, N, V, 1)
	var sum float64
	for _, v := range s.read(b) {
		sum += v
	}
	s.near("sum of gradients", []float64{sum}, []float64{0}, rounding)
}
