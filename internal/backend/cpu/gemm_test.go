package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmKernels: micro-tiles of all depths to 70 into a wider matrix, written and added.
func TestGemmKernels(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, be := range backends(1) {
		product := func(x, y float32) float32 { return x * y }
		if be.linear.values == 2 {
			product = pairProduct
		}
		ldc := be.nr + 3
		for k := range 71 {
			a, b, c := draws(random, be.mr*k+1), draws(random, be.nr*k+1), draws(random, be.mr*ldc)
			if be.linear.values == 2 {
				pairs(a)
				pairs(b)
			}
			for _, add := range []bool{false, true} {
				want := slices.Clone(c)
				for i := range be.mr {
					for j := range be.nr {
						var sum float32
						for l := range k {
							sum += product(a[1+l*be.mr+i], b[1+l*be.nr+j])
						}
						store(want[i*ldc+j:], []float32{sum}, add)
					}
				}
				got := slices.Clone(c)
				be.linear.gemm(got, ldc, a[1:], b[1:], k, add)
				for i, w := range want {
					if !close32(got[i], w, 1e-5) {
						t.Fatalf("%s: depth %d, add %v: c[%d] is %v, want %v", be.Name(), k, add, i, got[i], w)
					}
				}
			}
		}
	}
}

// pairs makes each value the pair of itself and its third.
func pairs(x []float32) {
	for i, v := range x {
		x[i] = pair(v, v/3)
	}
}

func pairProduct(x, y float32) float32 {
	x0, x1 := unpair(x)
	y0, y1 := unpair(y)
	return x0*y0 + x1*y1
}

func draws(random *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

func TestPackKernels(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, set := range vectorSets() {
		for n := range 71 {
			src := draws(random, 4*(n+3))
			want, got := make([]float32, 7*n+4), make([]float32, 7*n+4)
			transpose4Generic(want, 7, src, n+3, n)
			set.transpose4(got, 7, src, n+3, n)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: transpose of %d columns differs", set.name, n)
			}
			for _, width := range []int{set.mr, set.nr} {
				src, want, got := draws(random, (width+3)*n+1), make([]float32, width*n+1), make([]float32, width*n+1)
				copyRowsGeneric(want, width, src[min(1, n):], width+3, n)
				set.copyRows(got, width, src[min(1, n):], width+3, n)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: copy of %d rows of %d differs", set.name, n, width)
				}
			}
		}
	}
}

// FuzzGemm: products of any shape and layout against three plain loops.
func FuzzGemm(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint8(1), uint8(0), uint64(1))
	f.Add(uint8(13), uint8(33), uint8(200), uint8(7), uint64(2))
	f.Add(uint8(255), uint8(97), uint8(3), uint8(2), uint64(3))
	all := backends(2)
	f.Fuzz(func(t *testing.T, rows, cols, depth, layout uint8, seed uint64) {
		m, n, k, add := int(rows), int(cols), int(depth)+1, layout&4 != 0
		random := rand.New(rand.NewPCG(seed, 0))
		x, y, c := matrix{draws(random, m*k), k, 1}, matrix{draws(random, n*k), k, 1}, draws(random, m*n)
		if layout&1 != 0 {
			x.rs, x.cs = 1, m
		}
		if layout&2 != 0 {
			y.rs, y.cs = 1, n
		}
		for _, b := range all {
			got, want := slices.Clone(c), slices.Clone(c)
			plainGemm(want, m, n, k, b.linear.taken(x), b.linear.taken(y), add)
			b.gemm(got, n, m, n, k, x, y, add)
			for i, w := range want {
				if !close32(got[i], w, 3e-5) {
					t.Fatalf("%s: %d x %d x %d, layout %d: c[%d] is %v, want %v", b.Name(), m, n, k, layout, i, got[i], w)
				}
			}
		}
	})
}

// taken is m with the values that products of the format take.
func (f format) taken(m matrix) matrix {
	if f.rounds {
		data := make([]float32, len(m.data))
		roundGeneric(data, m.data)
		m.data = data
	}
	return m
}

func plainGemm(c []float32, m, n, k int, x, y matrix, add bool) {
	for i := range m {
		for j := range n {
			var sum float32
			for l := range k {
				sum += x.data[i*x.rs+l*x.cs] * y.data[j*y.rs+l*y.cs]
			}
			store(c[i*n+j:], []float32{sum}, add)
		}
	}
}

// BenchmarkGemmKernel is the bound of what products can reach: the micro-kernel on
// panels in the first-level cache.
func BenchmarkGemmKernel(b *testing.B) {
	const k = 128
	for _, be := range backends(1) {
		b.Run(be.Name(), func(b *testing.B) {
			x, y, c := aligned(be.mr*k), aligned(be.nr*k), aligned(be.mr*be.nr)
			for b.Loop() {
				be.linear.gemm(c, be.nr, x, y, k, true)
			}
			flops := 2 * be.mr * be.nr * k * be.linear.values * b.N
			b.ReportMetric(float64(flops)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
