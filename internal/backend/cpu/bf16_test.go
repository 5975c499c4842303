package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRoundedBits: ties to even, overflow to infinity, NaN stays NaN.
func TestRoundedBits(t *testing.T) {
	for _, c := range []struct{ in, want uint32 }{
		{0x3F800000, 0x3F800000}, {0x3F807FFF, 0x3F800000}, {0x3F808000, 0x3F800000}, {0x3F808001, 0x3F810000},
		{0x3F818000, 0x3F820000}, {0xBF818000, 0xBF820000}, {0x3FFF8000, 0x40000000}, {0x80000000, 0x80000000},
		{0x7F7FFFFF, 0x7F800000}, {0x7F800000, 0x7F800000}, {0xFF800000, 0xFF800000},
		{0x7F800001, 0x7FC00000}, {0xFFFFFFFF, 0xFFFF0000},
	} {
		if got := roundedBits(math.Float32frombits(c.in)); got != c.want {
			t.Errorf("%08x rounded is %08x, want %08x", c.in, got, c.want)
		}
	}
}

// TestRoundTwins: the same bits from all sets, for patterns of every kind.
func TestRoundTwins(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	x := make([]float32, 1<<16+5)
	for i := range x {
		x[i] = math.Float32frombits(random.Uint32() | uint32(i%3)*0x3FC00000)
	}
	want, got := make([]float32, len(x)), make([]float32, len(x))
	roundGeneric(want, x)
	for _, k := range vectorSets() {
		k.round(got, x)
		if !slices.Equal(patterns(got), patterns(want)) {
			t.Errorf("%s: rounded values differ from the portable ones", k.name)
		}
	}
}

// TestPairTwins: the same pairs from all kernels, and nothing written around them.
func TestPairTwins(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for name, p := range detect().pairs {
		set := kernelSet(name)
		for n := range 40 {
			comparePairs(t, name+" pairs4", draws(random, 4*(2*n+3)), 7*n+4, func(k *pairKernels, dst, src []float32) {
				k.pairs4(dst, 7, src, 2*n+3, n)
			}, p)
			for _, width := range []int{set.mr, set.nr} {
				comparePairs(t, name+" pairRows", draws(random, (width+3)*2*n), width*n, func(k *pairKernels, dst, src []float32) {
					k.pairRows(dst, width, src, width+3, n)
				}, p)
			}
		}
	}
}

// comparePairs runs call with the portable kernels and with p, on size values of a
// longer array.
func comparePairs(t *testing.T, name string, src []float32, size int, call func(k *pairKernels, dst, src []float32), p *pairKernels) {
	t.Helper()
	want, got := make([]float32, size+2*edge), make([]float32, size+2*edge)
	call(&pairsGeneric, want[edge:edge+size], src)
	call(p, got[edge:edge+size], src)
	if !slices.Equal(patterns(got), patterns(want)) {
		t.Fatalf("%s of %d values differs from the portable one", name, len(src))
	}
}
