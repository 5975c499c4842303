package backendtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/bench"
)

// shapes are those of SmolLM2-135M with 10 x 128 tokens, of larger models, and of
// generation: N rows, I inputs, O outputs.
var shapes = [][3]int{
	{1280, 576, 1536}, {1280, 1536, 576}, {1280, 576, 576}, {1280, 576, 192}, {1280, 576, 49152},
	{1024, 4096, 4096}, {1, 576, 49152}, {1, 4096, 4096},
}

// Benchmark times the ops, in GFLOP/s for products and ns per value for the others.
func Benchmark(b *testing.B, be backend.Backend) {
	var ops []bench.Op
	for _, s := range shapes {
		ops = append(ops, bench.Linear(s[0], s[1], s[2])...)
	}
	for _, s := range []backend.AttentionShape{{B: 10, T: 128, S: 128}, {B: 1, T: 2048, S: 2048}, {B: 1, T: 1, S: 2048}} {
		s.H, s.K, s.D, s.Scale = 9, 3, 64, 0.125
		ops = append(ops, bench.Attention(s)...)
	}
	ops = slices.Concat(ops, bench.Norms(1280, 576), []bench.Op{bench.RoPE(1280, 9, 64)}, bench.CrossEntropy(1280, 49152), bench.Elements(1280, 1536))
	for _, op := range ops {
		b.Run(op.Name+"/"+strings.ReplaceAll(op.Shape, " ", ""), func(b *testing.B) {
			run, free := op.Prepare(be)
			defer free()
			for b.Loop() {
				run()
			}
			b.ReportMetric(op.Speed(b.Elapsed()/time.Duration(b.N)), string(op.Unit))
		})
	}
}
