package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"moreau/internal/tensor"
)

// storedDotsGeneric decodes a row and multiplies it: the oracle.
func storedDotsGeneric(out, x []float32, w tensor.Tensor) {
	row := make([]float32, len(x))
	for r := range out {
		w.Decode(row, r*len(x))
		out[r] = dotGeneric(x, row)
	}
}

// TestStoredTwins: rows of every type, of all lengths for plain types, in memory that ends
// where the rows do.
func TestStoredTwins(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, k := range vectorSets() {
		for d, dots := range k.storedDots {
			for n := range 140 {
				cols := max(1, n)
				if d.Quantized() {
					cols = (1 + n%6) * d.BlockSize()
				}
				rows := n % 7
				w, x := randomStored(random, d, rows, cols), make([]float32, cols)
				for i := range x {
					x[i] = float32(random.NormFloat64())
				}
				want, got := make([]float32, rows), slices.Repeat([]float32{canary}, rows+2)
				storedDotsGeneric(want, x, w)
				dots(got[1:rows+1], x, w.Data)
				for r, v := range want {
					if !close32(got[r+1], v, 1e-4) {
						t.Fatalf("%s: %s[%d %d]: row %d is %v, want %v", k.name, d, rows, cols, r, got[r+1], v)
					}
				}
				if got[0] != canary || got[rows+1] != canary {
					t.Fatalf("%s: %s[%d %d] wrote outside", k.name, d, rows, cols)
				}
			}
		}
	}
}

const canary = -12345.5

// randomStored is a matrix of normal draws, or of blocks of random quants with small scales.
func randomStored(random *rand.Rand, d tensor.DType, rows, cols int) tensor.Tensor {
	if d.Encodable() {
		values := make([]float32, rows*cols)
		for i := range values {
			values[i] = float32(random.NormFloat64())
		}
		return tensor.FromFloat32(d, []int{rows, cols}, values)
	}
	size, _ := d.Bytes([]int{rows, cols})
	t := tensor.New(d, []int{rows, cols}, make([]byte, size))
	for i := range t.Data {
		t.Data[i] = byte(random.IntN(256))
	}
	for b := t.Data; len(b) > 0; b = b[d.BlockBytes():] { // Q5_K: d, dmin
		copy(b, tensor.Encode(tensor.F16, []float32{0.002, 0.03}))
	}
	return t
}

// TestStoredDecoders: the bits of the host's decoding, and nothing outside.
func TestStoredDecoders(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for _, k := range vectorSets() {
		for d, decoder := range k.storedDecoders {
			for n := 256; n <= 2048; n += 256 {
				w := randomStored(random, d, 1, n)
				got := slices.Repeat([]float32{canary}, n+2)
				decoder(got[1:n+1], w.Data)
				if !slices.Equal(got[1:n+1], w.Float32()) || got[0] != canary || got[n+1] != canary {
					t.Fatalf("%s: %d values of %s are not those of the host, or others were written", k.name, n, d)
				}
			}
		}
	}
}

// BenchmarkStoredDots: weights a second of one thread, of a matrix that the second-level
// cache holds, and of one that comes from memory.
func BenchmarkStoredDots(b *testing.B) {
	random, be := rand.New(rand.NewPCG(5, 6)), newBackend(&generic, full(&generic), full(&generic), 1)
	for _, k := range vectorSets() {
		for d := tensor.F32; d <= tensor.Q6_K; d++ {
			for _, rows := range []int{100, 90_000} {
				if dots := k.storedDots[d]; dots != nil {
					const cols = 1536
					w := randomStored(random, d, 100, cols)
					data := be.StoredBytes(rows / 100 * len(w.Data))
					for at := 0; at < len(data); at += len(w.Data) {
						copy(data[at:], w.Data)
					}
					x, out := make([]float32, cols), make([]float32, rows)
					b.Run(fmt.Sprintf("%s/%s/%d", k.name, d, rows), func(b *testing.B) {
						for b.Loop() {
							dots(out, x, data)
						}
						b.ReportMetric(float64(b.N)*float64(rows)*cols/b.Elapsed().Seconds()/1e9, "Gweights/s")
					})
				}
			}
		}
	}
}

// BenchmarkStoredDecoders: weights a second of one thread, from and to the second-level cache.
func BenchmarkStoredDecoders(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, k := range vectorSets() {
		for d := tensor.F32; d <= tensor.Q6_K; d++ {
			decoder := k.storedDecoders[d]
			if decoder == nil {
				continue
			}
			const n = 8 * chunk
			w, out := randomStored(random, d, 1, n), aligned(n)
			b.Run(fmt.Sprintf("%s/%s", k.name, d), func(b *testing.B) {
				for b.Loop() {
					decoder(out, w.Data)
				}
				b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e9, "Gweights/s")
			})
		}
	}
}

// TestFastPrompts: products of many rows with coarse matrices have the bits of a backend that rounds, those
// of few rows and of other types the bits of one that does not.
func TestFastPrompts(t *testing.T) {
	const O, I = 37, 512
	random := rand.New(rand.NewPCG(13, 14))
	for _, k := range available() {
		plain, coarse := newBackend(k, whole(k), whole(k), 2), newBackend(k, rounded(k), rounded(k), 2)
		fast := newBackend(k, whole(k), rounded(k), 2)
		for d, rounds := range map[tensor.DType]bool{tensor.F32: false, tensor.F16: false, tensor.BF16: true, tensor.Q5_K: true} {
			w := randomStored(random, d, O, I)
			for _, N := range []int{fewStoredRows, fewStoredRows + 1, 40} {
				x, want := draws(random, N*I), plain
				if rounds && N > fewStoredRows {
					want = coarse
				}
				if !slices.Equal(fast.productOf(x, w), want.productOf(x, w)) {
					t.Errorf("%s: %d rows times %s are not those of %s", k.name, N, d, want.Name())
				}
			}
		}
	}
}

func (b *Backend) productOf(x []float32, w tensor.Tensor) []float32 {
	O, I := w.Shape[0], w.Shape[1]
	N := len(x) / I
	from, out := b.New(len(x)), b.New(N*O)
	b.Upload(from, func(part []float32, lo int) { copy(part, x[lo:]) })
	b.LinearForward(out, from, b.NewStored(w), N, I, O)
	got := make([]float32, N*O)
	b.Download(got, out)
	return got
}
