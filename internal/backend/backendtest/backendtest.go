// Package backendtest is the conformance suite of backends: each forward op
// against a naive float64 reference, each backward op against central finite
// differences of that reference, on odd shapes, in buffers that start unaligned
// and are guarded on both sides. A backend passes it or it is not a backend.
package backendtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"moreau/internal/backend"
)

// Tolerances are of |got - want| / (1 + |want|), for inputs of about unit size. Those of
// sums are what the backend states.
const (
	exact = 0
	// rounding is a few operations in float32, each within half an ulp (6e-8), and
	// exp within two ulps.
	rounding = 1e-6
)

// Run runs the suite.
func Run(t *testing.T, be backend.Backend) {
	run(t, be, func(x float64) float64 { return float64(float32(x)) })
}

// RunBF16 runs the suite on a backend whose Linear ops round their inputs to bf16
// and sum in float32. Tolerances are the same, for the inputs are values that bf16
// holds: products of two are exact in float32. What the rounding does to others
// is compared with the reference on rounded inputs.
func RunBF16(t *testing.T, be backend.Backend) {
	run(t, be, bfloat16)
	t.Run("Rounding", func(t *testing.T) { rounding16(newSuite(t, be, bfloat16)) })
}

// bfloat16 rounds to eight significant bits, ties to even.
func bfloat16(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	return math.Ldexp(math.RoundToEven(math.Ldexp(fraction, 8)), exponent-8)
}

func newSuite(t *testing.T, be backend.Backend, held func(float64) float64) *suite {
	return &suite{T: t, be: be, held: held, random: rand.New(rand.NewPCG(1, 2))}
}

func run(t *testing.T, be backend.Backend, held func(float64) float64) {
	for _, c := range []struct {
		name string
		run  func(s *suite)
	}{
		{"Summing", stated}, {"Memory", memory}, {"UploadStored", uploadStored}, {"Stored", storedOps}, {"StoredNotFinite", storedNotFinite}, {"StoredMisuse", storedMisuse},
		{"Recycling", recycling}, {"Misuse", misuse},
		{"Embedding", embedding}, {"Linear", linear}, {"Bias", bias}, {"RMSNorm", rmsNorm}, {"RoPE", rope},
		{"Attention", attention}, {"AttentionCache", attentionCache}, {"SwiGLU", swiGLU},
		{"GeGLU", geGLU}, {"SoftCap", softCap},
		{"CrossEntropy", crossEntropy}, {"CrossEntropyLarge", crossEntropyLarge}, {"Divergence", divergence}, {"NotFinite", notFinite},
		{"Normal", normal}, {"NormalPrefix", normalPrefix}, {"Perturb", perturb}, {"Axpby", axpby}, {"AddSquares", addSquares}, {"AdamW", adamW}, {"Units", units},
		{"UnitSaliences", unitSaliences},
		{"ColumnMoments", columnMoments}, {"Sync", synced},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(newSuite(t, be, held))
		})
	}
}

// mostSumming bounds what a backend may state: beyond it a test would see no fault.
const mostSumming = 1e-3

func stated(s *suite) {
	if v := s.be.Summing(); !(v > 0 && v <= mostSumming) {
		s.Errorf("Summing is %g, want more than 0 and at most %g", v, mostSumming)
	}
}

// differences is a gradient in float32 through several sums, against finite differences,
// which are good to 1e-8 themselves.
func (s *suite) differences() float64 { return 2 * s.be.Summing() }

// summed is the tolerance of a sum of n products of normal draws in one accumulator, which
// may reach the square root of n.
func (s *suite) summed(n int) float64 { return s.be.Summing() / 10 * math.Sqrt(float64(n)) }

// suite is one test: the backend, a source of inputs and the buffers in use.
type suite struct {
	*testing.T
	be     backend.Backend
	held   func(float64) float64 // the nearest value that products take as it is
	random *rand.Rand
	guards []guard
}

// guard is a buffer with a border on both sides that must keep its value.
type guard struct {
	whole  backend.Buffer
	lo, hi int
}

const (
	border = 19 // odd, so that views start unaligned
	canary = -12345.5
)

// values are n normal draws that float32, and products, hold exactly.
func (s *suite) values(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = s.held(s.random.NormFloat64())
	}
	return x
}

// buffer is a guarded view with these values.
func (s *suite) buffer(x []float64) backend.Buffer {
	lo := 1 + s.random.IntN(border)
	g := guard{s.be.New(lo + len(x) + border), lo, lo + len(x)}
	s.be.Upload(g.whole, func(part []float32, from int) {
		for i := range part {
			part[i] = canary
			if at := from + i; at >= g.lo && at < g.hi {
				part[i] = float32(x[at-lo])
			}
		}
	})
	s.guards = append(s.guards, g)
	return g.whole.Slice(g.lo, g.hi)
}

// junk is a guarded view of n values that an op is to overwrite.
func (s *suite) junk(n int) backend.Buffer {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.NaN()
	}
	return s.buffer(x)
}

// read is the values of b.
func (s *suite) read(b backend.Buffer) []float64 {
	host := make([]float32, b.Len())
	s.be.Download(host, b)
	x := make([]float64, len(host))
	for i, v := range host {
		x[i] = float64(v)
	}
	return x
}

// release checks and frees all guarded buffers.
func (s *suite) release() {
	s.Helper()
	for _, g := range s.guards {
		x := s.read(g.whole)
		for i, v := range x {
			if (i < g.lo || i >= g.hi) && v != canary {
				s.Fatalf("wrote outside a buffer: value %d of [%d, %d)", i, g.lo, g.hi)
			}
		}
		s.be.Free(g.whole)
	}
	s.guards = nil
}

// near fails when a value of got is off by more than the tolerance. NaN is only
// near NaN, an infinity only itself.
func (s *suite) near(what string, got, want []float64, tolerance float64) {
	s.Helper()
	if len(got) != len(want) {
		s.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !near(got[i], w, tolerance) {
			s.Fatalf("%s: value %d of %d is %.9g, want %.9g", what, i, len(want), got[i], w)
		}
	}
}

func near(got, want, tolerance float64) bool {
	if math.IsNaN(want) {
		return math.IsNaN(got)
	}
	return got == want || math.Abs(got-want) <= tolerance*(1+math.Abs(want))
}

// panics fails unless f panics.
func (s *suite) panics(what string, f func()) {
	s.Helper()
	defer func() {
		if recover() == nil {
			s.Errorf("%s: no panic", what)
		}
	}()
	f()
}
