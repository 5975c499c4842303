package cpu

import (
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// A buffer that stands for zeros but holds leftovers gives every op what a buffer
// of zeros gives it, to the bit.
func TestBlankBuffers(t *testing.T) {
	for _, b := range backends(2) {
		zeros := func(n int) backend.Buffer { return filled(b, n, 0) }
		blank := func(n int) backend.Buffer {
			x := filled(b, n, float32(math.NaN()))
			b.Zero(x)
			return x
		}
		want := writeAll(b, zeros)
		litter(b)
		got := writeAll(b, blank)
		for i := range want {
			if !slices.Equal(want[i], got[i]) {
				t.Errorf("%s: output %d differs when its buffer was blank", b.Name(), i)
			}
		}
	}
}

// litter leaves NaN in the pool, of the sizes that attention takes for a gradient of
// every query head, and a bias for the sums of its tasks.
func litter(b *Backend) {
	var list []backend.Buffer
	for range 12 {
		list = append(list, filled(b, 2*4*110*16, float32(math.NaN())), filled(b, 2*70, float32(math.NaN())))
	}
	for _, x := range list {
		b.Free(x)
	}
}

func filled(b *Backend, n int, v float32) backend.Buffer {
	x := b.New(n)
	b.Upload(x, func(part []float32, _ int) {
		for i := range part {
			part[i] = v
		}
	})
	return x
}

// writeAll runs every op that writes on outputs from fresh, and gives all of them.
func writeAll(b *Backend, fresh func(n int) backend.Buffer) (values [][]float32) {
	const N, C, O = 37, 44, 70
	stream := uint64(0)
	draw := func(n int) backend.Buffer {
		x := b.New(n)
		stream++
		b.Normal(x, 1, stream)
		return x
	}
	var outputs []backend.Buffer
	out := func(n int) backend.Buffer {
		outputs = append(outputs, fresh(n))
		return outputs[len(outputs)-1]
	}
	x, y, w := draw(N*C), draw(N*O), draw(O*C)
	b.LinearForward(out(N*O), x, w, N, C, O)
	b.LinearForward(out(2*O), x, w, 2, C, O)
	for _, n := range []int{2, N} {
		b.LinearForward(out(n*O), draw(n*64), b.NewStored(tensor.New(tensor.Q8_0, []int{O, 64}, make([]byte, O*68))), n, 64, O)
	}
	b.EmbeddingForward(out(N*4), b.NewStored(tensor.New(tensor.F16, []int{O, 4}, make([]byte, O*8))), make([]int32, N), 4)
	b.LinearBackward(out(N*C), out(O*C), y, x, w, N, C, O)
	rstd, scale := draw(N), draw(C)
	b.RMSNormForward(out(N*C), out(N), x, scale, N, C, 1e-5)
	b.RMSNormBackward(out(N*C), out(C), x, x, scale, rstd, N, C)
	ids := make([]int32, N)
	b.EmbeddingForward(out(N*C), w, ids, C)
	b.EmbeddingBackward(out(O*C), x, ids, C)
	b.SwiGLUForward(out(N*O), y, y)
	b.SwiGLUBackward(out(N*O), out(N*O), y, y, y)
	b.GeGLUForward(out(N*O), y, y)
	b.GeGLUBackward(out(N*O), out(N*O), y, y, y)
	b.SoftCapForward(out(N*O), 20)
	b.SoftCapBackward(out(N*O), y, 20)

	s := backend.AttentionShape{B: 2, T: 100, S: 110, H: 4, K: 2, D: 16, Scale: 0.25}
	q, k, v := draw(s.B*s.T*64), draw(s.B*s.S*32), draw(s.B*s.S*32)
	a, lse := out(q.Len()), out(s.B*s.H*s.T)
	b.AttentionForward(a, lse, q, k, v, s)
	b.AttentionBackward(out(q.Len()), out(k.Len()), out(v.Len()), q, a, lse, q, k, v, s)
	s.Window, s.Cap = 9, 2
	b.AttentionForward(out(q.Len()), lse, q, k, v, s)
	b.AttentionBackward(out(q.Len()), out(k.Len()), out(v.Len()), q, a, lse, q, k, v, s)
	b.BiasForward(out(N*O), scale, N, C)
	b.BiasBackward(out(O), y, N, O)

	b.Normal(out(N*O), 1, 2)
	b.Perturb(out(N*O), y, nil, y, 0.5, false)
	b.Axpby(out(N*O), 2, y, 3)
	b.AddSquares(out(N*O), 2, y)
	b.AdamW(out(N*O), out(N*O), out(N*O), y, backend.AdamWStep{Step: 1, LR: 0.1, Beta1: 0.9, Beta2: 0.9, Eps: 1})
	b.UploadStored(out(5), tensor.FromFloat32(tensor.F32, []int{5}, []float32{1, 2, 3, 4, 5}))
	b.Copy(out(N*O), y)
	for _, o := range outputs {
		values = append(values, slices.Clone(all(o)))
	}
	return values
}
