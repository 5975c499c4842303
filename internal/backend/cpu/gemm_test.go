package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmKernels: strips of two micro-tiles of all depths to 70, from operands of both
// layouts, into a wider matrix, written and added.
func TestGemmKernels(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, be := range backends(1) {
		f := &be.linear
		n := 2 * f.nr
		ldc := n + 3
		for k := range 71 {
			for _, turned := range []bool{false, true} {
				x, y := drawMatrix(random, f.mr, k, turned), drawMatrix(random, n, k, turned)
				c, px, py := draws(random, f.mr*ldc), be.pack(f, 0, x, 0, 0, f.mr, k), be.pack(f, 1, y, 0, 0, n, k)
				for _, add := range []bool{false, true} {
					want, got := slices.Clone(c), slices.Clone(c)
					plainGemm(want, ldc, f.mr, n, k, f.taken(x), f.taken(y), add)
					f.strip(got, ldc, px.data, py, px.depth, 2, add)
					for i, w := range want {
						if !close32(got[i], w, 1e-5) {
							t.Fatalf("%s: depth %d, turned %v, add %v: c[%d] is %v, want %v", be.Name(), k, turned, add, i, got[i], w)
						}
					}
				}
			}
		}
	}
}

// drawMatrix is an operand whose rows, or with turned columns, are consecutive in memory.
func drawMatrix(random *rand.Rand, rows, depth int, turned bool) matrix {
	if turned {
		return matrix{draws(random, rows*depth), 1, rows}
	}
	return matrix{draws(random, rows*depth), depth, 1}
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
		x, y := drawMatrix(random, m, k, layout&1 != 0), drawMatrix(random, n, k, layout&2 != 0)
		c := draws(random, m*n)
		for _, b := range all {
			got, want := slices.Clone(c), slices.Clone(c)
			plainGemm(want, n, m, n, k, b.linear.taken(x), b.linear.taken(y), add)
			b.gemm(&b.linear, got, n, m, n, k, x, y, add)
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

func plainGemm(c []float32, ldc, m, n, k int, x, y matrix, add bool) {
	for i := range m {
		for j := range n {
			var sum float32
			for l := range k {
				sum += x.data[i*x.rs+l*x.cs] * y.data[j*y.rs+l*y.cs]
			}
			store(c[i*ldc+j:], []float32{sum}, add)
		}
	}
}

// BenchmarkGemmKernel is the bound of what products can reach: the micro-kernel on
// panels in the first-level cache.
func BenchmarkGemmKernel(b *testing.B) {
	const k = 128
	for _, be := range backends(1) {
		b.Run(be.Name(), func(b *testing.B) {
			f := &be.linear
			x, y, c := aligned(f.mr*k), aligned(f.nr*k), aligned(f.mr*f.nr)
			for b.Loop() {
				f.strip(c, f.nr, x, panels{y, k}, k, 1, true)
			}
			flops := 2 * f.mr * f.nr * k * f.values / f.slots * b.N
			b.ReportMetric(float64(flops)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
