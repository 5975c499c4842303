package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTileTwins: the same blocks from all kernels, of any depth, and nothing written
// around them.
func TestTileTwins(t *testing.T) {
	for _, set := range vectorSets() {
		if set.tiles != nil {
			tileTwins(t, &tilesGeneric, set.tiles)
			tileTwins(t, &splitGeneric, set.split)
		}
	}
}

func tileTwins(t *testing.T, oracle, k *tileKernels) {
	random := rand.New(rand.NewPCG(15, 16))
	compare := func(name string, size int, call func(k *tileKernels, dst []float32)) {
		t.Helper()
		want := slices.Repeat([]float32{canary}, size+2*edge)
		got := slices.Clone(want)
		call(oracle, want[edge:edge+size])
		call(k, got[edge:edge+size])
		if !slices.Equal(patterns(got), patterns(want)) {
			t.Fatalf("%s of %d values in %d parts differs from the portable one", name, size, k.parts)
		}
	}
	for _, rows := range []int{1, 15, 16, 17, 31, 32} {
		for depth := range 100 {
			src := draws(random, (blockRows+3)*(depth+3))
			size := ceilDiv(depth, blockDepth) * k.parts * block
			compare("rows", size, func(k *tileKernels, dst []float32) { k.rows(dst, src[1:], depth+3, rows, depth) })
			compare("columns", size, func(k *tileKernels, dst []float32) {
				k.columns(dst, src[1:], blockRows+3, rows, depth)
				for at := 0; at < size; at += blockRows {
					clear(dst[at+rows : at+blockRows]) // may be anything
				}
			})
		}
	}
	src := draws(random, 16*19)
	compare("turn", 16*17, func(k *tileKernels, dst []float32) { k.turn(dst, 17, src, 19) })
}

// splits are the kernels on float32 in parts that this machine runs.
func splits() (list []*tileKernels) {
	list = append(list, &splitGeneric)
	for _, k := range available() {
		if k.split != nil {
			list = append(list, k.split)
		}
	}
	return list
}

// TestSplitErrors: no more than those of float32 sums, in few and many values.
func TestSplitErrors(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	for _, k := range []int{33, 576, 4096} {
		const m, n = 7, 40
		x, y := drawMatrix(random, m, k, false), drawMatrix(random, n, k, false)
		for _, s := range splits() {
			c := make([]float32, m*n)
			b := newBackend(&generic, tiled(s), tiled(s), 2)
			b.gemm(&b.linear, c, n, m, n, k, x, y, false)
			var off, size float64
			for i := range m {
				for j := range n {
					var want float64
					for l := range k {
						want += float64(x.data[i*k+l]) * float64(y.data[j*k+l])
					}
					off += math.Pow(float64(c[i*n+j])-want, 2)
					size += want * want
				}
			}
			if e := math.Sqrt(off / size); e > 2.5e-7 {
				t.Errorf("sums of %d products are off by %.2g of their size", k, e)
			}
		}
	}
}

// TestSplitRange: single products over the range of float32. Parts and products of parts
// below 2^-126 count as 0: factors and products below 2^-102 lose their last bits. A
// product with an infinity is not finite.
func TestSplitRange(t *testing.T) {
	inf, most := float32(math.Inf(1)), float32(math.MaxFloat32)
	for _, s := range splits() {
		be := newBackend(&generic, tiled(s), tiled(s), 1)
		product := func(x, y float32) float32 {
			c := make([]float32, 1)
			be.gemm(&be.linear, c, 1, 1, 1, 2, matrix{[]float32{x, 0}, 2, 1}, matrix{[]float32{y, 1}, 2, 1}, false)
			return c[0]
		}
		for _, v := range [][2]float32{{1e-30, 1e30}, {1.2345678e-30, 7.654321e30}, {1.2345678e15, 7.654321e-15}, {1.2345678e-16, 1.2345678e-14},
			{most, 1}, {-most, 1.2345678e-30}, {1e30, 1e30}, {-1e30, 1e30}} {
			if got, want := product(v[0], v[1]), v[0]*v[1]; got != want && math.Abs(float64(got-want)) > 2.4e-7*math.Abs(float64(want)) {
				t.Errorf("%g times %g is %g, want %g", v[0], v[1], got, want)
			}
		}
		for _, x := range []float32{1.2345678e-33, 1.2345678e-37, 1e-40} {
			if got := product(x, -1.2345678); math.Abs(float64(got+x*1.2345678)) > math.Ldexp(3, -126) {
				t.Errorf("%g times -1.2345678 is %g", x, got)
			}
		}
		nan, low := float32(math.NaN()), math.Float32frombits(0x7F800001)
		for _, v := range [][2]float32{{inf, 1}, {inf, 1.1}, {1.1, -inf}, {inf, 0}, {nan, 1}, {1, low}} {
			if got := product(v[0], v[1]); !math.IsNaN(float64(got)) && !math.IsInf(float64(got), 0) {
				t.Errorf("%g times %g is %g", v[0], v[1], got)
			}
		}
	}
}
