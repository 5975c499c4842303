package bench

import (
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// mostRows is the most rows that a product is timed with: with more, only time grows.
const mostRows = 512

// Ops are the ops of a pass of B sequences of T tokens, at the shapes of the first
// layer and of the head, and those of the envelope iteration.
func Ops(cfg *model.Config, B, T int) []Op {
	l, C, D, N := cfg.Layers[0], cfg.HiddenSize, cfg.HeadDim, min(B*T, mostRows)
	var ops []Op
	seen := map[[2]int]bool{}
	for _, s := range [][2]int{
		{C, l.Heads * D}, {C, l.KVHeads * D}, {l.Heads * D, C}, // q; k, v; o
		{C, l.Intermediate}, {l.Intermediate, C}, // gate, up; down
		{C, cfg.VocabSize},
	} {
		if !seen[s] {
			ops = append(ops, Linear(N, s[0], s[1])...)
		}
		seen[s] = true
	}
	ops = append(ops, Attention(backend.AttentionShape{B: B, T: T, S: T, H: l.Heads, K: l.KVHeads, D: D, Scale: cfg.AttentionScale()})...)
	ops = append(ops, Norms(N, C)...)
	ops = append(ops, RoPE(N, l.Heads, D))
	ops = append(ops, CrossEntropy(N, cfg.VocabSize)...)
	return append(ops, Elements(N, l.Intermediate)...)
}

// Linear are the products of a linear layer of N rows, I inputs and O outputs:
// forward, dx and dw, the gradients into buffers of zeros, as most are in a pass.
func Linear(N, I, O int) []Op {
	shape, flops := fmt.Sprintf("%d x %d -> %d", N, I, O), 2*float64(N)*float64(I)*float64(O)
	return []Op{
		{"linear/forward", shape, flops, GFLOPS, func(a *arena) func() {
			out, x, w := a.draws(N*O), a.draws(N*I), a.draws(O*I)
			return func() { a.be.LinearForward(out, x, w, N, I, O) }
		}},
		{"linear/dx", shape, flops, GFLOPS, func(a *arena) func() {
			dx, dout, w := a.draws(N*I), a.draws(N*O), a.draws(O*I)
			return func() {
				a.be.Zero(dx)
				a.be.LinearBackward(dx, nil, dout, nil, w, N, I, O)
			}
		}},
		{"linear/dw", shape, flops, GFLOPS, func(a *arena) func() {
			dw, dout, x := a.draws(O*I), a.draws(N*O), a.draws(N*I)
			return func() {
				a.be.Zero(dw)
				a.be.LinearBackward(nil, dw, dout, x, nil, N, I, O)
			}
		}},
	}
}

// Attention are the passes of one attention; of the scores, those that causality
// leaves count: half of T·S for T = S.
func Attention(s backend.AttentionShape) []Op {
	shape := fmt.Sprintf("%d x %d of %d, %d/%d heads of %d", s.B, s.T, s.S, s.H, s.K, s.D)
	scores := float64(s.B*s.H) * float64(s.T*(s.S-s.T)+s.T*(s.T+1)/2)
	nq, nk, nl := s.B*s.T*s.H*s.D, s.B*s.S*s.K*s.D, s.B*s.H*s.T
	return []Op{
		{"attention/forward", shape, 4 * scores * float64(s.D), GFLOPS, func(a *arena) func() {
			out, lse, q, k, v := a.draws(nq), a.draws(nl), a.draws(nq), a.draws(nk), a.draws(nk)
			return func() { a.be.AttentionForward(out, lse, q, k, v, s) }
		}},
		{"attention/backward", shape, 10 * scores * float64(s.D), GFLOPS, func(a *arena) func() {
			out, lse, q, k, v := a.draws(nq), a.draws(nl), a.draws(nq), a.draws(nk), a.draws(nk)
			dq, dk, dv, dout := a.draws(nq), a.draws(nk), a.draws(nk), a.draws(nq)
			a.be.AttentionForward(out, lse, q, k, v, s) // the right lse, or exp overflows
			return func() { a.be.AttentionBackward(dq, dk, dv, dout, out, lse, q, k, v, s) }
		}},
	}
}

// Norms are those of N rows of C features.
func Norms(N, C int) []Op {
	shape, n := fmt.Sprintf("%d x %d", N, C), float64(N*C)
	return []Op{
		{"rmsnorm/forward", shape, n, PerItem, func(a *arena) func() {
			out, rstd, x, w := a.draws(N*C), a.draws(N), a.draws(N*C), a.draws(C)
			return func() { a.be.RMSNormForward(out, rstd, x, w, N, C, 1e-5) }
		}},
		{"rmsnorm/backward", shape, n, PerItem, func(a *arena) func() {
			dx, dw, dout, x, w, rstd := a.draws(N*C), a.draws(C), a.draws(N*C), a.draws(N*C), a.draws(C), a.draws(N)
			return func() { a.be.RMSNormBackward(dx, dw, dout, x, w, rstd, N, C) }
		}},
	}
}

// RoPE turns H heads of size D of one sequence of T tokens; backward is the same work.
func RoPE(T, H, D int) Op {
	return Op{"rope/forward", fmt.Sprintf("%d x %d", T, H*D), float64(T * H * D), PerItem, func(a *arena) func() {
		x, cos, sin := a.draws(T*H*D), a.draws(T*D/2), a.draws(T*D/2)
		a.be.Zero(cos) // factors beyond 1 would make x grow from run to run
		a.be.Zero(sin)
		return func() { a.be.RoPEForward(x, cos, sin, 1, T, H, D, D, 0) }
	}}
}

// CrossEntropy is that of N rows of V logits.
func CrossEntropy(N, V int) []Op {
	shape, n := fmt.Sprintf("%d x %d", N, V), float64(N)*float64(V)
	targets := make([]int32, N)
	return []Op{
		{"crossentropy/forward", shape, n, PerItem, func(a *arena) func() {
			logits, rows := a.draws(N*V), a.be.NewSums(N*backend.RowSums)
			return func() { a.be.CrossEntropyForward(rows, logits, targets, N, 0, V) }
		}},
		{"crossentropy/backward", shape, n, PerItem, func(a *arena) func() {
			logits, rows := a.draws(N*V), a.be.NewSums(N*backend.RowSums)
			a.be.CrossEntropyForward(rows, logits, targets, N, 0, V)
			return func() { a.be.CrossEntropyBackward(logits, rows, targets, N, 0, V, 1) }
		}},
	}
}

// Elements are the element-wise ops, and the sums over rows and columns, of [N, F].
func Elements(N, F int) []Op {
	n := N * F
	table := []struct {
		name string
		run  func(be backend.Backend, w, x, y, z backend.Buffer)
	}{
		{"swiglu/forward", func(be backend.Backend, _, x, y, z backend.Buffer) { be.SwiGLUForward(z, x, y) }},
		{"swiglu/backward", func(be backend.Backend, w, x, y, z backend.Buffer) { be.SwiGLUBackward(w, z, y, x, y) }},
		{"normal", func(be backend.Backend, _, _, _, z backend.Buffer) { be.Normal(z, 1, 2) }},
		{"perturb", func(be backend.Backend, w, x, y, z backend.Buffer) { be.Perturb(w, x, y, z, 0.1, false) }},
		{"axpby", func(be backend.Backend, _, x, y, _ backend.Buffer) { be.Axpby(y, 0.5, x, 0.5) }},
		{"adamw", func(be backend.Backend, w, x, y, z backend.Buffer) {
			be.AdamW(w, y, z, x, backend.AdamWStep{Step: 1, LR: 1e-4, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8})
		}},
		{"unitsums/rows", func(be backend.Backend, _, x, _, _ backend.Buffer) {
			be.UnitSumSquares(be.NewSums(N), x, backend.Units{Rows: N, Cols: F, Axis: 0, Width: 1})
		}},
		{"unitsums/columns", func(be backend.Backend, _, x, _, _ backend.Buffer) {
			be.UnitSumSquares(be.NewSums(F), x, backend.Units{Rows: N, Cols: F, Axis: 1, Width: 1})
		}},
		{"saliences/rows", func(be backend.Backend, w, x, _, _ backend.Buffer) {
			be.UnitSaliences(be.NewSums(N), backend.FirstOrder, w, x, nil, backend.Units{Rows: N, Cols: F, Axis: 0, Width: 1})
		}},
		{"saliences/columns", func(be backend.Backend, w, x, _, _ backend.Buffer) {
			be.UnitSaliences(be.NewSums(F), backend.FirstOrder, w, x, nil, backend.Units{Rows: N, Cols: F, Axis: 1, Width: 1})
		}},
		{"moments/columns", func(be backend.Backend, _, x, _, _ backend.Buffer) {
			be.ColumnMoments(be.NewSums(F), be.NewSums(F), x, []int{N}, N, F)
		}},
	}
	ops := make([]Op, len(table))
	for i, row := range table {
		ops[i] = Op{row.name, fmt.Sprintf("%d x %d", N, F), float64(n), PerItem, func(a *arena) func() {
			w, x, y, z := a.draws(n), a.draws(n), a.draws(n), a.draws(n)
			return func() { row.run(a.be, w, x, y, z) }
		}}
	}
	return ops
}
