package backendtest

import (
	"fmt"
	"math"

	"moreau/internal/backend"
)

// seen is the keys [lo, hi) that query t sees.
func seen(a backend.AttentionShape, t int) (lo, hi int) {
	hi = a.S - a.T + t + 1
	if a.Window > 0 {
		lo = max(0, hi-a.Window)
	}
	return lo, hi
}

// score is what a product of a query and a key counts.
func score(a backend.AttentionShape, product float64) float64 {
	s := float64(a.Scale) * product
	if a.Cap > 0 {
		s = float64(a.Cap) * math.Tanh(s/float64(a.Cap))
	}
	return s
}

// scoreSlope is the derivative of score.
func scoreSlope(a backend.AttentionShape, product float64) float64 {
	slope := float64(a.Scale)
	if a.Cap > 0 {
		t := math.Tanh(slope * product / float64(a.Cap))
		slope *= 1 - t*t
	}
	return slope
}

// referenceAttention gives out[B,T,H,D] and lse[B,H,T].
func referenceAttention(q, k, v []float64, a backend.AttentionShape) (out, lse []float64) {
	out, lse = make([]float64, len(q)), make([]float64, a.B*a.H*a.T)
	for i := range a.B * a.T * a.H {
		b, t, h := i/a.H/a.T, i/a.H%a.T, i%a.H
		lo, hi := seen(a, t)
		key := func(s int) int { return ((b*a.S+lo+s)*a.K + h/(a.H/a.K)) * a.D }
		weights := make([]float64, hi-lo)
		var sum float64
		for s := range weights {
			at := key(s)
			weights[s] = math.Exp(score(a, dot(q[i*a.D:(i+1)*a.D], k[at:at+a.D])))
			sum += weights[s]
		}
		lse[(b*a.H+h)*a.T+t] = math.Log(sum)
		for s, w := range weights {
			for j, x := range v[key(s) : key(s)+a.D] {
				out[i*a.D+j] += w / sum * x
			}
		}
	}
	return out, lse
}

// referenceAttentionBackward gives dq, dk and dv.
func referenceAttentionBackward(q, k, v, dout []float64, a backend.AttentionShape) (dq, dk, dv []float64) {
	dq, dk, dv = make([]float64, len(q)), make([]float64, len(k)), make([]float64, len(v))
	out, lse := referenceAttention(q, k, v, a)
	for i := range a.B * a.T * a.H {
		b, t, h := i/a.H/a.T, i/a.H%a.T, i%a.H
		query, d := q[i*a.D:(i+1)*a.D], dout[i*a.D:(i+1)*a.D]
		mean := dot(d, out[i*a.D:(i+1)*a.D])
		lo, hi := seen(a, t)
		for s := lo; s < hi; s++ {
			at := ((b*a.S+s)*a.K + h/(a.H/a.K)) * a.D
			product := dot(query, k[at:at+a.D])
			p := math.Exp(score(a, product) - lse[(b*a.H+h)*a.T+t])
			ds := scoreSlope(a, product) * p * (dot(d, v[at:at+a.D]) - mean)
			for j := range a.D {
				dv[at+j] += p * d[j]
				dk[at+j] += ds * query[j]
				dq[i*a.D+j] += ds * k[at+j]
			}
		}
	}
	return dq, dk, dv
}

func attention(s *suite) {
	for _, a := range []backend.AttentionShape{
		{B: 1, T: 1, S: 1, H: 1, K: 1, D: 16},
		{B: 2, T: 3, S: 3, H: 4, K: 4, D: 17},
		{B: 1, T: 17, S: 17, H: 6, K: 2, D: 16},
		{B: 2, T: 5, S: 33, H: 3, K: 1, D: 33},
		{B: 1, T: 1, S: 65, H: 4, K: 2, D: 64},
		{B: 1, T: 5, S: 70, H: 1, K: 1, D: 128},
		{B: 1, T: 110, S: 121, H: 2, K: 1, D: 20},
		{B: 2, T: 7, S: 7, H: 4, K: 2, D: 16, Window: 1},
		{B: 1, T: 17, S: 19, H: 2, K: 1, D: 17, Window: 5},
		{B: 1, T: 3, S: 70, H: 2, K: 2, D: 16, Window: 7},
		{B: 2, T: 110, S: 121, H: 2, K: 1, D: 20, Window: 33}, // whole tiles are out of sight of others
		{B: 1, T: 200, S: 200, H: 1, K: 1, D: 20, Window: 7},
		{B: 1, T: 20, S: 20, H: 2, K: 1, D: 16, Window: 20},
		{B: 1, T: 3, S: 33, H: 4, K: 2, D: 16, Cap: 1.5},
		{B: 2, T: 17, S: 19, H: 4, K: 2, D: 17, Cap: 0.5},
		{B: 1, T: 110, S: 121, H: 2, K: 1, D: 20, Window: 33, Cap: 2},
	} {
		a.Scale = float32(1 / math.Sqrt(float64(a.D)))
		s.attentionForward(a)
		s.attentionBackward(a)
	}
}

// attentionInputs are draws for q, k and v.
func (s *suite) attentionInputs(a backend.AttentionShape) (q, k, v []float64) {
	return s.values(a.B * a.T * a.H * a.D), s.values(a.B * a.S * a.K * a.D), s.values(a.B * a.S * a.K * a.D)
}

func (s *suite) attentionForward(a backend.AttentionShape) {
	defer s.release()
	q, k, v := s.attentionInputs(a)
	wantOut, wantLSE := referenceAttention(q, k, v, a)
	out, lse := s.junk(len(q)), s.junk(len(wantLSE))
	s.be.AttentionForward(out, lse, s.buffer(q), s.buffer(k), s.buffer(v), a)
	s.near(fmt.Sprintf("%+v out", a), s.read(out), wantOut, s.be.Summing())
	s.near(fmt.Sprintf("%+v lse", a), s.read(lse), wantLSE, s.be.Summing())
}

// attentionBackward compares whole gradients with the reference, and that on small
// shapes with finite differences.
func (s *suite) attentionBackward(a backend.AttentionShape) {
	name := fmt.Sprintf("%+v", a)
	q, k, v := s.attentionInputs(a)
	in, dout := [][]float64{q, k, v}, s.values(len(q))
	out, lse := referenceAttention(q, k, v, a)
	dq, dk, dv := referenceAttentionBackward(q, k, v, dout, a)
	want, at := [][]float64{dq, dk, dv}, make([][]int, 3)
	o := op{
		reference: func(in [][]float64) []float64 { out, _ := referenceAttention(in[0], in[1], in[2], a); return out },
		backward: func(d []backend.Buffer, dout backend.Buffer, in []backend.Buffer) {
			s.be.AttentionBackward(d[0], d[1], d[2], dout, s.buffer(out), s.buffer(lse), in[0], in[1], in[2], a)
		},
	}
	for i := range in {
		at[i] = s.random.Perm(len(in[i]))
		if some := at[i][:min(len(at[i]), 40)]; a.T < 20 {
			s.near("gradient of the reference", pick(want[i], some), differentiate(o.reference, in, i, some, dout), 1e-7)
		}
		want[i] = pick(want[i], at[i])
	}
	s.compare(name, o, in, dout, at, want)
}

// attentionCache: queries one by one over a growing cache give what all at once give.
func attentionCache(s *suite) {
	for _, window := range []int{0, 3} {
		s.attentionCache(backend.AttentionShape{B: 1, T: 9, S: 9, H: 4, K: 2, D: 16, Window: window, Scale: 0.25})
		s.attentionCache(backend.AttentionShape{B: 1, T: 9, S: 9, H: 4, K: 2, D: 16, Window: window, Scale: 0.25, Cap: 1})
	}
}

func (s *suite) attentionCache(a backend.AttentionShape) {
	width, kv := a.H*a.D, a.K*a.D
	q, k, v := s.buffer(s.values(a.T*width)), s.buffer(s.values(a.S*kv)), s.buffer(s.values(a.S*kv))
	whole, single, lse := s.junk(a.T*width), s.junk(a.T*width), s.junk(a.H*a.T)
	s.be.AttentionForward(whole, lse, q, k, v, a)
	for t := range a.T {
		one := a
		one.T, one.S = 1, t+1
		part := single.Slice(t*width, (t+1)*width)
		s.be.AttentionForward(part, lse.Slice(0, a.H), q.Slice(t*width, (t+1)*width), k.Slice(0, one.S*kv), v.Slice(0, one.S*kv), one)
	}
	s.near("queries one by one", s.read(single), s.read(whole), s.be.Summing())
	s.release()
}
