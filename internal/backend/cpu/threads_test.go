package cpu

import (
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// TestThreads: the same bits from every number of threads, on shapes that make
// several tasks of each op.
func TestThreads(t *testing.T) {
	for i, one := range backends(1) {
		want := everyOp(one)
		for _, threads := range threadCounts[1:] {
			got := everyOp(backends(threads)[i])
			for i := range want {
				if !slices.Equal(patterns(got[i]), patterns(want[i])) {
					t.Errorf("%s: result %d depends on the number of threads (%d)", one.Name(), i, threads)
				}
			}
		}
	}
}

// storedMatrices are one of each type.
func storedMatrices(rows, cols int) (list []tensor.Tensor) {
	for d := tensor.F32; d <= tensor.Q6_K; d++ {
		if !d.Decodable() {
			continue
		}
		size, _ := d.Bytes([]int{rows, cols})
		t := tensor.New(d, []int{rows, cols}, make([]byte, size))
		for i := range t.Data {
			t.Data[i] = byte(i % 61) // which makes no infinity of any type
		}
		list = append(list, t)
	}
	return list
}

func patterns(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// everyOp gives the results of all ops on draws.
func everyOp(be *Backend) (results [][]float32) {
	draw := func(n int) backend.Buffer {
		b := be.New(n)
		be.Normal(b, 1, uint64(n))
		results = append(results, all(b))
		return b
	}
	const N, C, O, heads = 130, 66, 310, 6
	x, w, out, dx, dw := draw(N*C), draw(O*C), draw(N*O), draw(N*C), draw(O*C)
	be.LinearForward(out, x, w, N, C, O)
	be.LinearBackward(dx, dw, out, x, w, N, C, O)
	be.LinearForward(draw(4*O), x, w, 4, C, O)
	for _, n := range []int{1, 4, N} {
		for _, stored := range storedMatrices(O, 256) {
			be.LinearForward(draw(n*O), draw(n*256), be.NewStored(stored), n, 256, O)
		}
	}

	y, rstd, scale, dscale := draw(N*C), draw(N), draw(C), draw(C)
	be.RMSNormForward(y, rstd, x, scale, N, C, 1e-5)
	be.RMSNormBackward(dx, dscale, y, x, scale, rstd, N, C)
	ids := make([]int32, N)
	be.EmbeddingBackward(dw, x, ids, C)
	be.RoPEForward(y, dw, w, 1, N, C/22, 22, 22, 0)

	s := backend.AttentionShape{B: 2, T: 100, S: 110, H: heads, K: 2, D: 16, Scale: 0.25}
	q, k, v := draw(s.B*s.T*heads*16), draw(s.B*s.S*32), draw(s.B*s.S*32)
	a, lse, dq, dk, dv := draw(q.Len()), draw(s.B*heads*s.T), draw(q.Len()), draw(k.Len()), draw(v.Len())
	be.AttentionForward(a, lse, q, k, v, s)
	be.AttentionBackward(dq, dk, dv, q, a, lse, q, k, v, s)
	s.Window, s.Cap = 9, 2
	be.AttentionForward(draw(q.Len()), lse, q, k, v, s)
	be.AttentionBackward(draw(q.Len()), draw(k.Len()), draw(v.Len()), q, a, lse, q, k, v, s)

	shift := draw(O)
	be.BiasForward(out, shift, N, O)
	be.BiasBackward(shift, out, N, O)

	be.SwiGLUBackward(dx, y, x, x, y)
	be.GeGLUForward(draw(N*C), x, y)
	be.GeGLUBackward(dx, y, x, x, y)
	be.SoftCapForward(y, 2)
	be.SoftCapBackward(dx, y, 2)
	be.AddSquares(y, 0.5, x)
	be.AdamW(dx, draw(N*C), be.New(N*C), x, backend.AdamWStep{Step: 3, LR: 0.1, Beta1: 0.9, Beta2: 0.9, Eps: 1e-8})
	rows := be.NewSums(N * backend.RowSums)
	be.CrossEntropyForward(rows, out, ids, N, 0, O)
	be.CrossEntropyBackward(out, rows, ids, N, 0, O, 0.5)
	differ := be.NewSums(N * backend.DivergenceSums)
	be.Divergence(differ, out, draw(N*O), ids, N, 0, O)
	all := []backend.Sums{rows, differ}
	reduce := func(n int) backend.Sums {
		all = append(all, be.NewSums(n))
		return all[len(all)-1]
	}
	for _, u := range []backend.Units{{Rows: N, Cols: O, Axis: 0, Width: 10}, {Rows: N, Cols: O, Axis: 1, Width: 1}} {
		be.UnitSumSquares(reduce(u.Len()/u.Width), out, u)
		be.UnitDots(reduce(u.Len()/u.Width), out, out, u)
		be.UnitSaliences(reduce(u.Len()/u.Width), backend.FirstOfLines, out, out, nil, u)
	}
	be.UnitSumSquares(reduce(1), out, backend.Units{Rows: 1, Cols: out.Len(), Axis: 0, Width: 1})
	be.ColumnMoments(reduce(O), reduce(O), out, []int{60, N / 2}, N/2, O)
	for _, s := range all {
		for _, v := range s.(*float64s).data {
			results = append(results, []float32{float32(v), float32(v - float64(float32(v)))})
		}
	}
	return results
}
