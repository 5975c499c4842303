package backendtest

import (
	"fmt"
	"testing"

	"moreau/internal/backend"
)

// Benchmark times the ops on the shapes of SmolLM2-135M with 10 x 128 tokens and of
// larger models, in GFLOP/s for products and ns per element for the others.
func Benchmark(b *testing.B, be backend.Backend) {
	r := &rig{b, be}
	for _, s := range [][3]int{
		{1280, 576, 1536}, {1280, 1536, 576}, {1280, 576, 576}, {1280, 576, 192}, {1280, 576, 49152},
		{1024, 4096, 4096}, {1, 576, 49152}, {1, 4096, 4096},
	} {
		r.linear(s[0], s[1], s[2])
	}
	r.attention(backend.AttentionShape{B: 10, T: 128, S: 128, H: 9, K: 3, D: 64, Scale: 0.125})
	r.attention(backend.AttentionShape{B: 1, T: 2048, S: 2048, H: 9, K: 3, D: 64, Scale: 0.125})
	r.attention(backend.AttentionShape{B: 1, T: 1, S: 2048, H: 9, K: 3, D: 64, Scale: 0.125})
	r.rows(1280, 576, 49152)
	r.elements(1280 * 1536)
}

type rig struct {
	*testing.B
	be backend.Backend
}

// buffer holds draws; it is freed by the garbage collector.
func (r *rig) buffer(n int) backend.Buffer {
	b := r.be.New(n)
	r.be.Normal(b, 1, uint64(n))
	return b
}

// time runs f and reports work per nanosecond, or nanoseconds per work.
func (r *rig) time(name string, work int, unit string, f func()) {
	r.Run(name, func(b *testing.B) {
		for b.Loop() {
			f()
		}
		each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		if unit == "GFLOP/s" {
			b.ReportMetric(float64(work)/each, unit)
		} else {
			b.ReportMetric(each/float64(work), unit)
		}
	})
}

func (r *rig) linear(N, I, O int) {
	x, w, out, flops := r.buffer(N*I), r.buffer(O*I), r.buffer(N*O), 2*N*I*O
	name := fmt.Sprintf("Linear/N=%d,I=%d,O=%d/", N, I, O)
	r.time(name+"forward", flops, "GFLOP/s", func() { r.be.LinearForward(out, x, w, N, I, O) })
	if N > 1 {
		dx, dw := r.buffer(N*I), r.buffer(O*I)
		r.time(name+"dx", flops, "GFLOP/s", func() { r.be.LinearBackward(dx, nil, out, nil, w, N, I, O) })
		r.time(name+"dw", flops, "GFLOP/s", func() { r.be.LinearBackward(nil, dw, out, x, nil, N, I, O) })
		r.be.Free(dx)
		r.be.Free(dw)
	}
	for _, b := range []backend.Buffer{x, w, out} {
		r.be.Free(b)
	}
}

// attention counts the scores that causality leaves: half of T·S for T = S.
func (r *rig) attention(s backend.AttentionShape) {
	scores := s.B * s.H * (s.T*(s.S-s.T) + s.T*(s.T+1)/2)
	q, k, v := r.buffer(s.B*s.T*s.H*s.D), r.buffer(s.B*s.S*s.K*s.D), r.buffer(s.B*s.S*s.K*s.D)
	out, lse := r.buffer(q.Len()), r.buffer(s.B*s.H*s.T)
	name := fmt.Sprintf("Attention/B=%d,T=%d,S=%d/", s.B, s.T, s.S)
	r.time(name+"forward", 4*scores*s.D, "GFLOP/s", func() { r.be.AttentionForward(out, lse, q, k, v, s) })
	if s.T > 1 {
		dq, dk, dv := r.buffer(q.Len()), r.buffer(k.Len()), r.buffer(v.Len())
		r.time(name+"backward", 10*scores*s.D, "GFLOP/s", func() {
			r.be.AttentionBackward(dq, dk, dv, out, out, lse, q, k, v, s)
		})
	}
}

// rows times the ops on rows: N of C features and of V logits.
func (r *rig) rows(N, C, V int) {
	x, w, out, rstd := r.buffer(N*C), r.buffer(C), r.buffer(N*C), r.buffer(N)
	dx, dw := r.buffer(N*C), r.buffer(C)
	const unit = "ns/value"
	r.time("RMSNorm/forward", N*C, unit, func() { r.be.RMSNormForward(out, rstd, x, w, N, C, 1e-5) })
	r.time("RMSNorm/backward", N*C, unit, func() { r.be.RMSNormBackward(dx, dw, out, x, w, rstd, N, C) })
	table := r.buffer(N * 32)
	r.time("RoPE", N*C, unit, func() { r.be.RoPEForward(x, table, table, 1, N, C/64, 64, 0) })
	logits, nll, targets := r.buffer(N*V), make([]float64, N), make([]int32, N)
	r.time("CrossEntropy/forward", N*V, unit, func() { r.be.CrossEntropyForward(nll, logits, targets, N, V) })
	r.time("CrossEntropy/backward", N*V, unit, func() { r.be.CrossEntropyBackward(logits, nll, targets, N, V, 1) })
	r.be.Free(logits)
}

func (r *rig) elements(n int) {
	w, x, y, z := r.buffer(n), r.buffer(n), r.buffer(n), r.buffer(n)
	const unit = "ns/value"
	r.time("SwiGLU/forward", n, unit, func() { r.be.SwiGLUForward(z, x, y) })
	r.time("SwiGLU/backward", n, unit, func() { r.be.SwiGLUBackward(w, z, y, x, y) })
	r.time("Normal", n, unit, func() { r.be.Normal(z, 1, 2) })
	r.time("Perturb", n, unit, func() { r.be.Perturb(w, x, y, z, 0.1, false) })
	r.time("Axpby", n, unit, func() { r.be.Axpby(y, 0.5, x, 0.5) })
	for _, u := range []backend.Units{{Rows: 1536, Cols: n / 1536, Axis: 0, Width: 1}, {Rows: 1536, Cols: n / 1536, Axis: 1, Width: 1}} {
		sums := make([]float64, 1536)
		r.time(fmt.Sprintf("UnitSumSquares/axis=%d", u.Axis), n, unit, func() {
			r.be.UnitSumSquares(sums[:[]int{u.Rows, u.Cols}[u.Axis]], x, u)
		})
	}
}
