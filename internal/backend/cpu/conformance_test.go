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

// backends are all that this machine runs, on that many threads: every kernel set
// with every format, whatever the table gives.
func backends(threads int) (list []*Backend) {
	m := detect()
	for _, k := range available() {
		formats := []format{whole(k), rounded(k)}
		if p := m.pairs[k.name]; p != nil {
			formats = append(formats, paired(k, p))
		}
		if k.tiles != nil {
			formats = append(formats, halved(k, m))
		}
		if k == &generic {
			formats = append(formats, tiledGeneric(), tiled(&splitGeneric))
		}
		for _, f := range formats {
			list = append(list, newBackend(k, f, f, threads))
		}
	}
	return list
}

// tiledGeneric is the portable format of bf16 on tiles.
func tiledGeneric() format {
	f := tiled(&tilesGeneric)
	f.suffix, f.rounds = "+tiled-bf16", true
	return f
}

func TestConformance(t *testing.T) {
	counts := threadCounts
	if testing.Short() {
		counts = []int{1, 3} // with the race detector all of them take minutes
	}
	for _, threads := range counts {
		for _, b := range backends(threads) {
			t.Run(fmt.Sprintf("%s/%d", b.Name(), threads), func(t *testing.T) {
				if b.linear.rounds {
					backendtest.RunBF16(t, b)
				} else {
					backendtest.Run(t, b)
				}
			})
		}
	}
}

func BenchmarkBackend(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, be := range backends(threads) {
			b.Run(fmt.Sprintf("%s/%d", be.Name(), threads), func(b *testing.B) { backendtest.Benchmark(b, be) })
		}
	}
}
