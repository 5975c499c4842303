package cpu

import (
	"fmt"
	"testing"

	"moreau/internal/backend/backendtest"
)

var threadCounts = []int{1, 2, 3, 8}

// available are the kernel sets that this machine runs.
func available() []*kernels {
	var sets []*kernels
	for _, name := range detect().sets() {
		sets = append(sets, kernelSet(name))
	}
	return sets
}

func TestConformance(t *testing.T) {
	for _, k := range available() {
		for _, threads := range threadCounts {
			t.Run(fmt.Sprintf("%s/%d", k.name, threads), func(t *testing.T) {
				backendtest.Run(t, newBackend(k, threads))
			})
		}
	}
}

func BenchmarkBackend(b *testing.B) {
	for _, k := range available() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", k.name, threads), func(b *testing.B) {
				backendtest.Benchmark(b, newBackend(k, threads))
			})
		}
	}
}
