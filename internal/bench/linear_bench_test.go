package bench

import (
	"fmt"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
)

// BenchmarkLinear is the products of bench/peers/gemm.sh, which runs it beside
// PyTorch: squares, and LLaMA-7B's layers with the tokens of a step. It reports
// medians, like moreau bench.
func BenchmarkLinear(b *testing.B) {
	be := newBackend(b)
	dtypes := []struct {
		name string
		be   backend.Backend
	}{{"float32", be}, {"bfloat16", be.WithBF16()}}
	for _, s := range [][3]int{{512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
		{1280, 4096, 4096}, {1280, 4096, 11008}, {1280, 11008, 4096}} {
		for _, op := range Linear(s[0], s[1], s[2]) {
			layout := strings.TrimPrefix(op.Name, "linear/")
			for _, d := range dtypes {
				b.Run(fmt.Sprintf("%dx%dx%d/%s/%s", s[0], s[1], s[2], layout, d.name), func(b *testing.B) {
					for b.Loop() {
						median, _ := op.Measure(d.be)
						b.ReportMetric(op.Speed(median), "GFLOP/s")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// BenchmarkPeak is what their speeds are shares of.
func BenchmarkPeak(b *testing.B) {
	be := newBackend(b)
	for b.Loop() {
		b.ReportMetric(Peak(be), "GFLOP/s")
	}
	b.ReportMetric(0, "ns/op")
}

func newBackend(b *testing.B) *cpu.Backend {
	be, err := cpu.New(0)
	if err != nil {
		b.Fatal(err)
	}
	return be
}
