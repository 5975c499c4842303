package transformer_test

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// The losses of the parts of a batch add up to that of the batch, and so they do where it is
// itself a part.
func TestLossesOfPartsAddUp(t *testing.T) {
	rows := [][]int32{{1, 2, 3}, {4}, {5, 6, 7, 8, 9}, {1, 2}, {3, 4, 5, 6}}
	whole, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []transformer.Batch{whole, whole.PartOf(40)} {
		for _, tokens := range []int{1, 6, 10, 100} {
			var sum, want float64
			n := 0
			for _, p := range b.Parts(tokens) {
				nll := make([]float64, p.Rows())
				for s, length := range p.Lengths() {
					for i := range length - 1 {
						nll[s*p.T+i] = float64(10*n + i + 1)
						want += nll[s*p.T+i]
					}
					n++
				}
				sum += p.Loss(nll)
			}
			divisor := 10.0 // next tokens
			if b.Loss([]float64{40}) == 1 {
				divisor = 40
			}
			if n != len(rows) || math.Abs(sum-want/divisor) > 1e-12 {
				t.Errorf("parts of %d tokens: %d rows, %g, want %g", tokens, n, sum, want/divisor)
			}
		}
	}
}

// Rows of one token predict nothing: their loss is 0, in a pass too, and no gradient is NaN.
func TestBatchWithoutTargets(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	b, err := transformer.NewBatch([][]int32{{1}, {2}, {3}})
	if err != nil {
		t.Fatal(err)
	}
	if loss := b.Loss(make([]float64, 3)); loss != 0 || b.Targets() != 0 {
		t.Errorf("loss %g of %d targets", loss, b.Targets())
	}
	sink := &collect{be: be, grads: map[string][]float32{}}
	loss, err := transformer.New(be, g.Config).LossAndGrad(t.Context(), b, transformer.NewStreamed(be, g.Weights), sink)
	if err != nil || loss != 0 || len(sink.grads) == 0 {
		t.Errorf("loss %g, %d gradients, %v", loss, len(sink.grads), err)
	}
	for name, x := range sink.grads {
		if slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s has a gradient", name)
		}
	}
}

// Stored bytes of layers are read into the same memory again.
func TestStreamedMemoryIsUsedAgain(t *testing.T) {
	const n = 1 << 20
	p := model.Param{Name: "w", Layer: 0, Axes: []model.Axis{{Dim: model.Dim{Units: n}, Width: 1}}}
	m := checkpoint.Memory{"w": tensor.FromFloat32(tensor.F32, []int{n}, make([]float32, n))}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.WriteSafetensors(f, m.Tensors(), m.Read, nil); err != nil {
		t.Fatal(err)
	}
	f.Close()
	c, err := checkpoint.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	be := newBackend(t, 1)
	s := transformer.NewStreamed(be, c)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		b, err := s.Weight(p)
		if err != nil {
			t.Fatal(err)
		}
		s.Release(p, b)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 5*4*n {
		t.Errorf("%d bytes are allocated to read %d twenty times", got, 4*n)
	}
}
