package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTileTwins: the same blocks from all kernels, of any depth, and
// nothing written around them.
func TestTileTwins(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	for _, set := range vectorSets() {
		if set.tiles == nil {
			continue
		}
		for _, rows := range []int{1, 15, 16, 17, 31, 32} {
			for depth := range 100 {
				src := draws(random, (blockRows+3)*(depth+3))
				size := ceilDiv(depth, blockDepth) * block
				compareTiles(t, "rows", size, set.tiles, func(k *tileKernels, dst []float32) {
					k.rows(dst, src[1:], depth+3, rows, depth)
				})
				compareTiles(t, "columns", size, set.tiles, func(k *tileKernels, dst []float32) {
					k.columns(dst, src[1:], blockRows+3, rows, depth)
					for at := 0; at < size; at += blockRows {
						clear(dst[at+rows : at+blockRows]) // may be anything
					}
				})
			}
		}
		src := draws(random, 16*19)
		compareTiles(t, "turn", 16*17, set.tiles, func(k *tileKernels, dst []float32) { k.turn(dst, 17, src, 19) })
	}
}

// compareTiles runs call with the portable kernels and with k, on size values of a longer array.
func compareTiles(t *testing.T, name string, size int, k *tileKernels, call func(k *tileKernels, dst []float32)) {
	t.Helper()
	want := slices.Repeat([]float32{canary}, size+2*edge)
	got := slices.Clone(want)
	call(&tilesGeneric, want[edge:edge+size])
	call(k, got[edge:edge+size])
	if !slices.Equal(patterns(got), patterns(want)) {
		t.Fatalf("%s of %d values differs from the portable one", name, size)
	}
}
