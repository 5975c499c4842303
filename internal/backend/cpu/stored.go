package cpu

import (
	"fmt"
	"unsafe"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// stored is a matrix [rows, cols] in the type it is stored in, a backend.Buffer.
type stored struct {
	tensor.Tensor
	be   *Backend
	view bool // it came from Slice
}

// StoredBytes is aligned, and of large pages where there are many.
func (b *Backend) StoredBytes(n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(aligned(ceilDiv(n, 4))))), n)
}

// NewStored keeps t and its bytes.
func (b *Backend) NewStored(t tensor.Tensor) backend.Buffer {
	if len(t.Shape) != 2 || !t.DType.Decodable() {
		panic(fmt.Sprintf("cpu: NewStored of %s%v, want a matrix of real numbers", t.DType, t.Shape))
	}
	b.stored.live += int64(len(t.Data))
	b.stored.most = max(b.stored.most, b.stored.live)
	return &stored{Tensor: t, be: b}
}

// Slice is a view of rows.
func (s *stored) Slice(lo, hi int) backend.Buffer {
	cols := s.Shape[1]
	if lo%max(1, cols) != 0 || hi%max(1, cols) != 0 {
		panic("cpu: Slice of a stored matrix: these are no whole rows")
	}
	bytes := func(n int) int { return n / s.DType.BlockSize() * s.DType.BlockBytes() }
	part := tensor.New(s.DType, []int{(hi - lo) / max(1, cols), cols}, s.Data[bytes(lo):bytes(hi)])
	return &stored{Tensor: part, be: s.be, view: true}
}

func (s *stored) free() {
	if s.view || s.Data == nil {
		panic("cpu: Free of a Slice or of a freed matrix")
	}
	s.be.stored.live -= int64(len(s.Data))
	s.Data = nil
}

// fewStoredRows is fewRows of products with stored matrices: to decode w costs as much as
// some rows.
const fewStoredRows = 8

// storedTasks of products of few rows there are for each thread: several, so that none waits
// long for another; not many, since nobody asks ahead for the first bytes of a task.
const storedTasks = 4

// linearStored is LinearForward with w as it is stored: few rows read it once, for more
// it is decoded as it is packed.
func (b *Backend) linearStored(out, x []float32, w *stored, N, I, O int) {
	if w.Shape[1] != I || w.Shape[0] < O {
		panic("cpu: Linear w: the stored matrix has another shape")
	}
	if N <= fewStoredRows {
		b.linearStoredDots(out, x, w, N, I, O)
		return
	}
	f := &b.linear
	if w.DType.Coarse() {
		f = &b.coarse
	}
	b.gemm(f, out, O, N, O, I, matrix{x, I, 1}, w, false)
}

// part decodes whole blocks of each row.
func (s *stored) part(w *worker, i, l, rows, depth int) matrix {
	cols, size := s.Shape[1], s.DType.BlockSize()
	from, to := l/size*size, roundUp(l+depth, size)
	values, decoder := grow(&w.decoded, rows*(to-from)), s.be.storedDecoders[s.DType]
	for r := range rows {
		s.decode(decoder, values[r*(to-from):][:to-from], (i+r)*cols+from)
	}
	return matrix{values[l-from:], to - from, 1}
}

// linearStoredDots multiplies rows as they are, or decodes one after the other. Nothing is
// rounded, whatever the format: it would save no time, reading w is the work.
func (b *Backend) linearStoredDots(out, x []float32, w *stored, N, I, O int) {
	if dots := b.storedDots[w.DType]; dots != nil && I > 0 {
		bytes := I / w.DType.BlockSize() * w.DType.BlockBytes()
		few := roundUp(rowsOfDots(I), 4) // stay in the second-level cache for all rows of x
		b.spans(O, max(1, ceilDiv(O, storedTasks*len(b.workers))), func(_ *worker, from, to int) {
			for lo := from; lo < to; lo += few {
				hi := min(to, lo+few)
				for n := range N {
					dots(out[n*O+lo:n*O+hi], x[n*I:(n+1)*I], w.Data[lo*bytes:hi*bytes])
				}
			}
		})
		return
	}
	b.spans(O, rowsOfDots(I), func(t *worker, lo, hi int) {
		row := t.scratch(I)
		for o := lo; o < hi; o++ {
			w.Decode(row, o*I)
			for n := range N {
				out[n*O+o] = b.dot(x[n*I:(n+1)*I], row)
			}
		}
	})
}

// decode is Decode from value lo on, the first of a block, by a kernel if there is one.
func (s *stored) decode(kernel func(dst []float32, blocks []byte), dst []float32, lo int) {
	n := 0
	if kernel != nil {
		n = len(dst) &^ 31
		kernel(dst[:n], s.Data[lo/s.DType.BlockSize()*s.DType.BlockBytes():])
	}
	if n < len(dst) {
		s.Decode(dst[n:], lo+n)
	}
}
