package transformer_test

import (
	"context"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// discard wants every gradient and keeps none.
type discard struct{}

func (discard) Wants(model.Param) bool                 { return true }
func (discard) Grad(model.Param, backend.Buffer) error { return nil }

// BenchmarkSmolLM2Step is loss and all gradients of SmolLM2-135M; bench/peers
// runs it beside PyTorch.
func BenchmarkSmolLM2Step(b *testing.B) {
	m, err := load.Open(goldentest.Shared(b, "data", "models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		name string
		B, T int
		be   backend.Backend
		keep int64 // PyTorch keeps all activations; "flat" keeps none
	}{
		{"10x128/float32", 10, 128, newBackend(b, 0), 4 << 30}, {"4x512/float32", 4, 512, newBackend(b, 0), 4 << 30},
		{"10x128/bfloat16", 10, 128, newBF16(b, 0), 4 << 30}, {"4x512/bfloat16", 4, 512, newBF16(b, 0), 4 << 30},
		{"10x128/flat-float32", 10, 128, newBackend(b, 0), 0}, {"4x512/flat-float32", 4, 512, newBackend(b, 0), 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			batch := randomBatch(b, c.B, c.T, m.Config.VocabSize)
			tr, w := transformer.New(c.be, m.Config), transformer.NewStreamed(c.be, m.Weights)
			tr.KeepBytes = c.keep
			step := func() {
				if _, err := tr.LossAndGrad(context.Background(), batch, w, discard{}); err != nil {
					b.Fatal(err)
				}
			}
			step() // buffers are there from the second on
			for b.Loop() {
				step()
			}
		})
	}
}

func randomBatch(b *testing.B, B, T, V int) transformer.Batch {
	rows := make([][]int32, B)
	x := uint32(1)
	for i := range rows {
		for range T {
			x = x*1664525 + 1013904223
			rows[i] = append(rows[i], int32(x>>8)%int32(V))
		}
	}
	batch, err := transformer.NewBatch(rows)
	if err != nil {
		b.Fatal(err)
	}
	return batch
}
