package backendtest

import (
	"math"

	"moreau/internal/backend"
)

// notFinite: a NaN or infinity in a weight or activation is seen where it has
// effect, and nowhere else.
func notFinite(s *suite) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s.notFiniteLinear(bad)
		s.notFiniteNorm(bad)
		s.notFiniteAttention(bad)
		s.notFiniteLoss(bad)
	}
}

// bad fails unless exactly the values that wrong says are not finite.
func (s *suite) bad(what string, b backend.Buffer, wrong func(i int) bool) {
	s.Helper()
	for i, v := range s.read(b) {
		if finite := !math.IsNaN(v) && !math.IsInf(v, 0); finite == wrong(i) {
			s.Fatalf("%s: value %d is %v", what, i, v)
		}
	}
	s.release()
}

func (s *suite) notFiniteLinear(bad float64) {
	for _, N := range []int{1, 17} {
		const I, O, row = 33, 40, 21
		w := s.values(O * I)
		w[row*I+7] = bad
		out := s.junk(N * O)
		s.be.LinearForward(out, s.buffer(s.values(N*I)), s.buffer(w), N, I, O)
		s.bad("LinearForward", out, func(i int) bool { return i%O == row })
	}
}

func (s *suite) notFiniteNorm(bad float64) {
	const N, C, row = 5, 17, 3
	x := s.values(N * C)
	x[row*C+16] = bad
	out, rstd := s.junk(N*C), s.junk(N)
	s.be.RMSNormForward(out, rstd, s.buffer(x), s.buffer(s.values(C)), N, C, normEps)
	got := s.read(out)
	if v := got[row*C+16]; !math.IsNaN(v) {
		s.Errorf("RMSNormForward of %v is %v, want NaN", bad, v)
	}
	if v := got[0]; math.IsNaN(v) {
		s.Error("RMSNormForward: NaN in another row")
	}
	s.release()
}

func (s *suite) notFiniteAttention(bad float64) {
	const at = 40
	a := backend.AttentionShape{B: 1, T: 70, S: 70, H: 2, K: 1, D: 16, Scale: 0.25}
	q, k, v := s.values(a.T*a.H*a.D), s.values(a.S*a.D), s.values(a.S*a.D)
	v[at*a.D+3] = bad
	out, lse := s.junk(len(q)), s.junk(a.H*a.T)
	s.be.AttentionForward(out, lse, s.buffer(q), s.buffer(k), s.buffer(v), a)
	got := s.read(out)
	for t := range a.T {
		wrong := math.IsNaN(got[t*a.H*a.D+3]) || math.IsInf(got[t*a.H*a.D+3], 0)
		if t >= at && !wrong {
			s.Fatalf("AttentionForward: query %d does not see the %v at key %d", t, bad, at)
		}
	}
	s.release()
}

func (s *suite) notFiniteLoss(bad float64) {
	const N, V = 3, 65
	logits := s.values(N * V)
	logits[V+64] = bad
	nll, rows := s.losses([]backend.Buffer{s.buffer(logits)}, []int32{1, 2, 3})
	defer s.be.FreeSums(rows)
	wrong := math.IsNaN(nll[1]) || math.IsInf(nll[1], 0)
	if certain := !math.IsInf(bad, -1); wrong != certain {
		s.Errorf("CrossEntropyForward with logit %v is %v", bad, nll[1])
	}
	if math.IsNaN(nll[0]) || math.IsNaN(nll[2]) {
		s.Error("CrossEntropyForward: NaN in another row")
	}
	s.release()
}
