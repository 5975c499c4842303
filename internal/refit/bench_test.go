package refit

import (
	"math/rand/v2"
	"testing"
)

// A down_proj of SmolLM2-135M that loses a fifth of its columns.
func BenchmarkRidge(b *testing.B) {
	const F, gone = 1536, 307
	r := newRandom(rand.New(rand.NewPCG(1, 1)), 1, 64, 100, 1)
	sums := make([]float64, F*F)
	for i := range F {
		for j := range F {
			sums[i*F+j] = r.m.sums[i%64*64+j%64]
		}
		sums[i*F+i] += 1
	}
	var kept, lost []int
	for j := range F {
		if j%5 == 0 && len(lost) < gone {
			lost = append(lost, j)
		} else {
			kept = append(kept, j)
		}
	}
	for b.Loop() {
		m := &moments{width: F, tokens: 1, sums: sums}
		if _, _, err := m.ridge(kept, lost, 0.01); err != nil {
			b.Fatal(err)
		}
	}
}
