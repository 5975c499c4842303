package backendtest

import (
	"math"
	"slices"

	"moreau/internal/backend"
)

// divergence: rows of any length in one block and in two, logits beyond the range of exp, rows
// without a target; of equal logits none, however large the vocabulary.
func divergence(s *suite) {
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {5, 33}, {17, 65}, {2, 5000}, {2, 49152}} {
		N, V := shape[0], shape[1]
		logits, other, targets := s.values(N*V), s.values(N*V), make([]int32, N)
		for i := range logits {
			logits[i], other[i] = float64(float32(logits[i]+300)), float64(float32(other[i]*2+100))
		}
		for n := range targets {
			targets[n] = int32(n%3) - 1
		}
		want := make([]float64, N)
		for n, t := range targets {
			if t >= 0 {
				want[n] = referenceDivergence(other[n*V:(n+1)*V], logits[n*V:(n+1)*V])
			}
		}
		s.near("Divergence", s.divergences(logits, other, targets, V), want, s.be.Summing())
		s.near("Divergence of equals", s.divergences(logits, logits, targets, V), make([]float64, N), 1e-9)
		s.divergenceBackward(logits, other, targets, V)
		s.release()
	}
}

// divergenceBackward: the gradient of KL(other || this), whole and, by the sums of the whole, in blocks.
func (s *suite) divergenceBackward(logits, other []float64, targets []int32, V int) {
	const scale = 0.25
	N := len(targets)
	rows := s.be.NewSums(N * backend.DivergenceSums)
	defer s.be.FreeSums(rows)
	s.be.Divergence(rows, s.buffer(logits), s.buffer(other), targets, N, 0, V)
	want := make([]float64, N*V)
	for n, t := range targets {
		if t >= 0 {
			p, q := referenceSoftmax(logits[n*V:(n+1)*V]), referenceSoftmax(other[n*V:(n+1)*V])
			for i := range p {
				want[n*V+i] = scale * (p[i] - q[i])
			}
		}
	}
	of, by := columns(other, N, V, V/3), columns(want, N, V, V/3)
	for i, part := range columns(logits, N, V, V/3) {
		b := s.buffer(part)
		s.be.DivergenceBackward(b, s.buffer(of[i]), rows, targets, N, len(part)/N, scale)
		s.near("DivergenceBackward", s.read(b), by[i], s.be.Summing())
	}
}

func referenceSoftmax(x []float64) []float64 {
	top, sum := slices.Max(x), 0.0
	p := make([]float64, len(x))
	for i, v := range x {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func (s *suite) divergences(logits, other []float64, targets []int32, V int) []float64 {
	N := len(targets)
	rows := s.be.NewSums(N * backend.DivergenceSums)
	defer s.be.FreeSums(rows)
	from, of := 0, columns(other, N, V, V/3)
	for i, part := range columns(logits, N, V, V/3) {
		width := len(part) / N
		s.be.Divergence(rows, s.buffer(part), s.buffer(of[i]), targets, N, from, width)
		from += width
	}
	known, kl := make([]float64, rows.Len()), make([]float64, N)
	s.be.ReadSums(known, rows)
	for n := range kl {
		r := known[n*backend.DivergenceSums:]
		kl[n] = r[backend.DivergenceMean] - r[backend.DivergenceOfLSE] + r[backend.DivergenceLSE]
	}
	return kl
}

// referenceDivergence is KL(softmax(of) || softmax(x)).
func referenceDivergence(of, x []float64) (kl float64) {
	lse := func(v []float64) float64 {
		top, sum := math.Inf(-1), 0.0
		for _, u := range v {
			top = max(top, u)
		}
		for _, u := range v {
			sum += math.Exp(u - top)
		}
		return top + math.Log(sum)
	}
	a, b := lse(of), lse(x)
	for i := range of {
		kl += math.Exp(of[i]-a) * (of[i] - a - x[i] + b)
	}
	return kl
}
