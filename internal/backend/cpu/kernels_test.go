package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// kernelCases call each element-wise kernel on operands of one length; the result
// is 0 for those that have none. Tolerances are of |got - want| / (1 + |want|): a
// rounding of a product of about 10 where one set fuses and the other does not, two
// ulps of exp and those of its argument, or sums of up to 256 products in another order.
var kernelCases = []struct {
	name      string
	tolerance float64
	call      func(k *kernels, v [][]float32) float32
}{
	{"dot", 3e-5, func(k *kernels, v [][]float32) float32 { return k.dot(v[0], v[1]) }},
	{"maximum", 0, func(k *kernels, v [][]float32) float32 { return k.maximum(v[0]) }},
	{"axpby", 3e-6, func(k *kernels, v [][]float32) float32 { k.axpby(v[0], 0.3, v[1], -1.7); return 0 }},
	{"mul", 3e-6, func(k *kernels, v [][]float32) float32 { k.mul(v[0], 0.3, v[1], v[2]); return 0 }},
	{"mulAdd", 3e-6, func(k *kernels, v [][]float32) float32 { k.mulAdd(v[0], 0.3, v[1], v[2]); return 0 }},
	{"exp", 3e-6, func(k *kernels, v [][]float32) float32 { return k.exp(v[0], v[1], 1.5, 0.25, 0.5) }},
	{"swiglu", 3e-6, func(k *kernels, v [][]float32) float32 { k.swiglu(v[0], v[1], v[2]); return 0 }},
	{"swigluGrad", 1e-5, func(k *kernels, v [][]float32) float32 { k.swigluGrad(v[0], v[1], v[2], v[3], v[4]); return 0 }},
	{"geglu", 3e-6, func(k *kernels, v [][]float32) float32 { k.geglu(v[0], v[1], v[2]); return 0 }},
	{"gegluGrad", 1e-5, func(k *kernels, v [][]float32) float32 { k.gegluGrad(v[0], v[1], v[2], v[3], v[4]); return 0 }},
	{"tanh", 3e-6, func(k *kernels, v [][]float32) float32 { k.tanh(v[0], v[1], 0.3, 1.5); return 0 }},
	{"rotate", 3e-6, func(k *kernels, v [][]float32) float32 { k.rotate(v[0], v[1], v[2], v[3], -1); return 0 }},
	{"perturb", 3e-6, func(k *kernels, v [][]float32) float32 { k.perturb(v[0], v[1], v[2], v[3], 0.1, 0.2); return 0 }},
}

// vectorSets are the kernel sets that have a portable twin to compare with.
func vectorSets() []*kernels {
	return slices.DeleteFunc(available(), func(k *kernels) bool { return k == &generic })
}

// TestTwins: every length to 256 at unaligned starts, with NaN and infinities in a
// second turn, and nothing written outside.
func TestTwins(t *testing.T) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42}
	random := rand.New(rand.NewPCG(3, 4))
	for _, k := range vectorSets() {
		for n := range 257 {
			for _, rate := range []float64{0, 0.05} {
				values := operands(random, n, rate, special)
				for _, c := range kernelCases {
					if c.name == "maximum" && rate > 0 {
						continue // NaN may be passed over
					}
					compareTwins(t, k, c.name, n, c.tolerance, values, c.call)
				}
			}
		}
	}
}

const edge = 5 // values around an operand that must not change

// operands are five with edges, some values being special.
func operands(random *rand.Rand, n int, rate float64, special []float32) [][]float32 {
	values := make([][]float32, 5)
	for i := range values {
		values[i] = make([]float32, n+2*edge)
		for j := range values[i] {
			values[i][j] = float32(random.NormFloat64() * 3)
			if random.Float64() < rate {
				values[i][j] = special[random.IntN(len(special))]
			}
		}
	}
	return values
}

func compareTwins(t *testing.T, k *kernels, name string, n int, tolerance float64, values [][]float32, call func(*kernels, [][]float32) float32) {
	t.Helper()
	run := func(k *kernels) (whole [][]float32, result float32) {
		inner := make([][]float32, len(values))
		for i := range values {
			whole = append(whole, slices.Clone(values[i]))
			inner[i] = whole[i][edge : edge+n]
		}
		return whole, call(k, inner)
	}
	want, wantResult := run(&generic)
	got, gotResult := run(k)
	if !close32(gotResult, wantResult, tolerance) {
		t.Fatalf("%s/%s of %d: result %v, want %v", k.name, name, n, gotResult, wantResult)
	}
	for i := range want {
		for j, w := range want[i] {
			outside := j < edge || j >= edge+n
			if outside && math.Float32bits(got[i][j]) != math.Float32bits(w) {
				t.Fatalf("%s/%s of %d wrote outside operand %d", k.name, name, n, i)
			}
			if !close32(got[i][j], w, tolerance) {
				t.Fatalf("%s/%s of %d: operand %d[%d] is %v, want %v", k.name, name, n, i, j-edge, got[i][j], w)
			}
		}
	}
}

func close32(got, want float32, tolerance float64) bool {
	g, w := float64(got), float64(want)
	return g == w || math.IsNaN(g) && math.IsNaN(w) || math.Abs(g-w) <= tolerance*(1+math.Abs(w))
}

// TestRows: products with rows that lie apart are those of dot, sums of rows those of axpby,
// to the bit, and nothing is written outside.
func TestRows(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, k := range available() {
		for n := range 150 {
			rows, stride := 1+n%5, n+3*(n%4)
			v := operands(random, rows*stride+n, 0, nil)
			x, y := v[0][:n], v[1]
			dots, mixed := slices.Repeat([]float32{canary}, rows+2), slices.Repeat([]float32{canary}, n+2)
			k.dotRows(dots[1:rows+1], x, y, stride)
			k.mixRows(mixed[1:n+1], v[2][:rows], y, stride)
			wantDots, wantMixed := slices.Repeat([]float32{canary}, rows+2), slices.Repeat([]float32{canary}, n+2)
			clear(wantMixed[1 : n+1])
			for r := range rows {
				wantDots[r+1] = k.dot(x, y[r*stride:][:n])
				k.axpby(wantMixed[1:n+1], v[2][r], y[r*stride:][:n], 1)
			}
			if !slices.Equal(dots, wantDots) || !slices.Equal(mixed, wantMixed) {
				t.Fatalf("%s: %d rows of %d, %d apart: %v and %v, want %v and %v", k.name, rows, n, stride, dots, mixed, wantDots, wantMixed)
			}
		}
	}
}

// TestExp: within two units in the last place over all of the range.
func TestExp(t *testing.T) {
	const n = 200_000
	x, out := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -105 + 195*float32(i)/n
	}
	for _, k := range available() {
		k.exp(out, x, 1, 0, 1)
		for i, got := range out {
			want := float32(math.Exp(float64(x[i])))
			if d := int64(math.Float32bits(got)) - int64(math.Float32bits(want)); d > 2 || d < -2 {
				t.Fatalf("%s: exp(%v) = %v, want %v", k.name, x[i], got, want)
			}
		}
	}
}

// TestTanh: within four units in the last place, near 0 too.
func TestTanh(t *testing.T) {
	const n = 200_000
	x, out := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sinh(12*(2*float64(i)/n-1)) / 1000)
	}
	for _, k := range available() {
		k.tanh(out, x, 1, 1)
		for i, got := range out {
			want := float32(math.Tanh(float64(x[i])))
			if d := int64(math.Float32bits(got)) - int64(math.Float32bits(want)); d > 4 || d < -4 {
				t.Fatalf("%s: tanh(%v) = %v, want %v", k.name, x[i], got, want)
			}
		}
	}
}

// TestNormalTwins: the same bits from all sets, also where block numbers pass 2^32.
func TestNormalTwins(t *testing.T) {
	want, got := make([]float32, 20*drawGroup), make([]float32, 20*drawGroup)
	for _, k := range vectorSets() {
		for _, group := range []uint64{0, 1, 1<<29 - 10, 1 << 40} {
			for _, seed := range []uint64{0, 1, 1<<63 + 12345} {
				normalGeneric(want, group, seed, ^seed)
				k.normal(got, group, seed, ^seed)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: draws of group %d, seed %d differ from the portable ones", k.name, group, seed)
				}
			}
		}
	}
}

// TestPhilox: the known answers of Random123.
func TestPhilox(t *testing.T) {
	if got, want := philox(0, 0, 0), [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}; got != want {
		t.Errorf("philox of zeros is %x, want %x", got, want)
	}
	if got, want := philox(1<<64-1, 1<<64-1, 1<<64-1), [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}; got != want {
		t.Errorf("philox of ones is %x, want %x", got, want)
	}
}

// FuzzExp: any float32, alone and at the end of a longer array.
func FuzzExp(f *testing.F) {
	for _, x := range []float64{0, 1, -1, 88.7, 88.73, -87.4, -103.9, -104.1, math.Inf(1), math.Inf(-1), math.NaN()} {
		f.Add(math.Float32bits(float32(x)))
	}
	f.Fuzz(func(t *testing.T, pattern uint32) {
		x := make([]float32, 21)
		x[20] = math.Float32frombits(pattern)
		want := math.Exp(float64(x[20]))
		for _, k := range available() {
			out := make([]float32, len(x))
			k.exp(out, x, 1, 0, 1)
			if got := out[20]; !close32(got, float32(want), 3e-7) || math.IsNaN(want) != math.IsNaN(float64(got)) {
				t.Fatalf("%s: exp(%v) = %v, want %v", k.name, x[20], got, want)
			}
		}
	})
}
