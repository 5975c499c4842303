// Package dry is a backend that computes nothing and counts memory: what runs on it asks
// for what it will ask any backend for, so that its peak is an estimate that no change of the
// computation can make wrong. Every sum that is read is 0.
package dry

import (
	"math/bits"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// Backend counts.
type Backend struct {
	pool       *backend.Pool[struct{}]
	held, peak int64  // bytes: beside buffers, and in all
	packed     [2]int // values of the packed blocks of a product's operands, kept between calls
}

var _ backend.Backend = (*Backend)(nil)

// New has nothing in use.
func New() *Backend { return &Backend{pool: backend.NewPool(func(int) struct{} { return struct{}{} })} }

// Peak is the most bytes that were taken at once: buffers, what ops work in, what a pool
// keeps of both for reuse, and what was held beside.
func (b *Backend) Peak() int64 { return b.peak + 4*int64(b.packed[0]+b.packed[1]) }

// Live is the bytes in use.
func (b *Backend) Live() int64 { return 4*int64(b.pool.Live()) + b.held }

// Hold counts bytes that the host takes beside buffers, until they are given back as -bytes.
func (b *Backend) Hold(bytes int64) {
	b.held += bytes
	b.peak = max(b.peak, 4*int64(b.pool.Taken())+b.held)
}

// work counts arrays of so many values that an op works in.
func (b *Backend) work(arrays ...int) {
	for _, n := range arrays {
		defer b.Free(b.New(n))
	}
}

// buffer is n values of which size are the pool's; none of a view, nor of a stored matrix,
// which has bytes instead.
type buffer struct{ n, size, stored int }

func (b *buffer) Len() int { return b.n }

func (b *buffer) Slice(lo, hi int) backend.Buffer {
	return &buffer{n: hi - lo, stored: min(b.stored, 1)}
}

type sums int

func (s sums) Len() int { return int(s) }

// Name is "dry".
func (b *Backend) Name() string { return "dry" }

// Summing is 0: there are no sums.
func (b *Backend) Summing() float64 { return 0 }

// New counts n values.
func (b *Backend) New(n int) backend.Buffer {
	b.pool.Take(n)
	b.Hold(0)
	return &buffer{n: n, size: backend.SizeClass(n)}
}

// NewStored counts the bytes of t.
func (b *Backend) NewStored(t tensor.Tensor) backend.Buffer {
	b.Hold(int64(len(t.Data)))
	return &buffer{n: t.Len(), stored: len(t.Data)}
}

// StoredBytes is plain memory.
func (b *Backend) StoredBytes(n int) []byte { return make([]byte, n) }

// Free gives the values, or the bytes, back.
func (b *Backend) Free(buf backend.Buffer) {
	f := buf.(*buffer)
	if f.stored > 0 {
		b.Hold(-int64(f.stored))
		return
	}
	b.pool.Put(struct{}{}, f.size)
}

// Trim drops what is kept.
func (b *Backend) Trim() { b.pool.Trim() }

// NewSums counts n sums.
func (b *Backend) NewSums(n int) backend.Sums {
	b.Hold(8 * int64(n))
	return sums(n)
}

// FreeSums gives them back.
func (b *Backend) FreeSums(s backend.Sums) { b.Hold(-8 * int64(s.Len())) }

// ReadSums leaves dst alone.
func (b *Backend) ReadSums([]float64, backend.Sums) {}

// Sync has nothing to wait for.
func (b *Backend) Sync() error { return nil }

// LinearForward packs blocks of x and w.
func (b *Backend) LinearForward(_, _, w backend.Buffer, N, I, O int) {
	if stored := w.(*buffer).stored > 0; N > fewRows && !(stored && N <= fewStoredRows) {
		b.pack(N, O, I)
	}
}

// LinearBackward packs blocks of dout, and of w or x.
func (b *Backend) LinearBackward(dx, dw, _, _, _ backend.Buffer, N, I, O int) {
	if dx != nil {
		b.pack(N, I, O)
	}
	if dw != nil {
		b.pack(O, I, N)
	}
}

// What the reference packs of the operands of a product at once, and for how few rows it does
// without.
const (
	rowLimit   = 1536
	colLimit   = 3072
	depthLimit = 640
	fewRows    = 4

	fewStoredRows = 8
	packedAtOnce  = 1 << 20 // keys of attention, and values, that are packed at once
)

// pack grows the memory of packed blocks as a product of m rows, n columns and common
// dimension k asks.
func (b *Backend) pack(m, n, k int) {
	for i, rows := range []int{min(m, rowLimit), min(n, colLimit)} {
		if need := padded(rows) * min(k, depthLimit); need > b.packed[i] {
			b.packed[i] = need + need/4
		}
	}
}

// panel is the widest that operands are packed in, in rows.
const panel = 32

func padded(rows int) int { return (rows + panel - 1) / panel * panel }

// AttentionForward works in packed keys and, with their positions side by side, values, of some heads.
func (b *Backend) AttentionForward(_, _, _, _, _ backend.Buffer, s backend.AttentionShape) {
	heads := min(s.B*s.K, max(1, packedAtOnce/max(1, s.S*padded(s.D))))
	keys, values := heads*padded(s.S)*s.D, heads*padded(s.D)*s.S
	if s.T < s.S {
		keys, values = 1<<bits.Len(uint(keys-1)), 1<<bits.Len(uint(values-1))
	}
	b.work(keys, values)
}

// AttentionBackward works in packed keys, both ways, and values, and in gradients of keys
// and values for each query head.
func (b *Backend) AttentionBackward(_, _, _, _, _, _, _, _, _ backend.Buffer, s backend.AttentionShape) {
	heads, queries := s.B*s.K, s.B*s.H*s.S*s.D
	b.work(heads*padded(s.S)*s.D, heads*padded(s.D)*s.S, heads*padded(s.S)*s.D, queries, queries)
}

// rowsAtOnce is how many rows a partial sum of a vector's gradient is of.
const rowsAtOnce = 32

// BiasBackward works in partial sums.
func (b *Backend) BiasBackward(_, _ backend.Buffer, N, C int) {
	b.work((N + rowsAtOnce - 1) / rowsAtOnce * C)
}

// RMSNormBackward works in partial sums of dw.
func (b *Backend) RMSNormBackward(_, dw, _, _, _, _ backend.Buffer, N, C int) {
	if dw != nil {
		b.work((N + rowsAtOnce - 1) / rowsAtOnce * C)
	}
}

// The other ops work in next to nothing.

func (b *Backend) Zero(backend.Buffer)                                                      {}
func (b *Backend) Copy(_, _ backend.Buffer)                                                 {}
func (b *Backend) Upload(backend.Buffer, func([]float32, int))                              {}
func (b *Backend) UploadStored(backend.Buffer, tensor.Tensor)                               {}
func (b *Backend) Download([]float32, backend.Buffer)                                       {}
func (b *Backend) EmbeddingForward(_, _ backend.Buffer, _ []int32, _ int)                   {}
func (b *Backend) EmbeddingBackward(_, _ backend.Buffer, _ []int32, _ int)                  {}
func (b *Backend) BiasForward(_, _ backend.Buffer, _, _ int)                                {}
func (b *Backend) RMSNormForward(_, _, _, _ backend.Buffer, _, _ int, _ float32)            {}
func (b *Backend) RoPEForward(_, _, _ backend.Buffer, _, _, _, _, _, _ int)                 {}
func (b *Backend) RoPEBackward(_, _, _ backend.Buffer, _, _, _, _, _, _ int)                {}
func (b *Backend) SwiGLUForward(_, _, _ backend.Buffer)                                     {}
func (b *Backend) SwiGLUBackward(_, _, _, _, _ backend.Buffer)                              {}
func (b *Backend) GeGLUForward(_, _, _ backend.Buffer)                                      {}
func (b *Backend) GeGLUBackward(_, _, _, _, _ backend.Buffer)                               {}
func (b *Backend) SoftCapForward(backend.Buffer, float32)                                   {}
func (b *Backend) SoftCapBackward(_, _ backend.Buffer, _ float32)                           {}
func (b *Backend) CrossEntropyForward(backend.Sums, backend.Buffer, []int32, int, int, int) {}
func (b *Backend) CrossEntropyBackward(backend.Buffer, backend.Sums, []int32, int, int, int, float32) {
}
func (b *Backend) Divergence(backend.Sums, backend.Buffer, backend.Buffer, []int32, int, int, int) {}
func (b *Backend) DivergenceBackward(_, _ backend.Buffer, _ backend.Sums, _ []int32, _, _ int, _ float32) {
}
func (b *Backend) Normal(backend.Buffer, uint64, uint64)                                {}
func (b *Backend) Perturb(_, _, _, _ backend.Buffer, _ float32, _ bool)                 {}
func (b *Backend) Axpby(_ backend.Buffer, _ float32, _ backend.Buffer, _ float32)       {}
func (b *Backend) AddSquares(_ backend.Buffer, _ float32, _ backend.Buffer)             {}
func (b *Backend) UnitScale(backend.Buffer, []float32, backend.Units)                   {}
func (b *Backend) AdamW(_, _, _, _ backend.Buffer, _ backend.AdamWStep)                 {}
func (b *Backend) UnitSumSquares(backend.Sums, backend.Buffer, backend.Units)           {}
func (b *Backend) UnitDots(backend.Sums, backend.Buffer, backend.Buffer, backend.Units) {}
func (b *Backend) UnitSaliences(backend.Sums, backend.Salience, backend.Buffer, backend.Buffer, backend.Buffer, backend.Units) {
}
func (b *Backend) ColumnMoments(_, _ backend.Sums, _ backend.Buffer, _ []int, _, _ int) {}
