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
	be := newBackend(b, 0)
	for _, c := range []struct {
		name string
		B, T int
	}{{"10x128", 10, 128}, {"4x512", 4, 512}} {
		b.Run(c.name, func(b *testing.B) {
			batch := randomBatch(b, c.B, c.T, m.Config.VocabSize)
			tr, w := transformer.New(be, m.Config), transformer.NewStored(be, m.Weights)
			for b.Loop() {
				if _, err := tr.LossAndGrad(context.Background(), batch, w, discard{}); err != nil {
					b.Fatal(err)
				}
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
