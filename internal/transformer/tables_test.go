package transformer_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// Angles that depend on the length of the sequence are those of the pass at hand: a short
// one after a long one gives the bits that it gives alone.
func TestTablesFollowTheLength(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range []string{"llama_dynamic", "llama_yarn", "phi3_longrope", "llama_mha"} {
		g := goldentest.Open(t, family)
		of := func(tr *transformer.Transformer, tokens int) (all []float32) {
			row := make([]int32, tokens)
			for i := range row {
				row[i] = int32(7 * i % g.Config.VocabSize)
			}
			b, err := transformer.NewBatch([][]int32{row})
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.Logits(context.Background(), b, transformer.NewStreamed(be, g.Weights), func(rows []float32) error {
				all = append(all, rows...)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return all
		}
		used := transformer.New(be, g.Config)
		for _, tokens := range []int{6, 100, 6, 40, 100} {
			if !slices.Equal(of(used, tokens), of(transformer.New(be, g.Config), tokens)) {
				t.Errorf("%s: %d tokens give other logits after other lengths", family, tokens)
			}
		}
	}
}

func TestFinite(t *testing.T) {
	for v, want := range map[float64]bool{0: true, -1: true, math.MaxFloat64: true, math.Inf(1): false, math.Inf(-1): false, math.NaN(): false} {
		if err := transformer.Finite("x", v); (err == nil) != want {
			t.Errorf("%g: %v", v, err)
		}
	}
}
