package cpu

import (
	"unsafe"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// buffer is a backend.Buffer.
type buffer struct {
	be   *Backend
	data []float32
	view bool // it came from Slice

	// blank says that data are leftovers that stand for zeros. They are cleared
	// when something first reads them or adds to a part of them; an op that writes
	// all of them, as most do, saves that.
	blank bool
}

func (b *buffer) Len() int { return len(b.data) }

func (b *buffer) Slice(lo, hi int) backend.Buffer {
	data := b.values()
	return &buffer{be: b.be, data: data[:len(data):len(data)][lo:hi:hi], view: true}
}

// New allocates n zeros, aligned to 64 bytes.
func (b *Backend) New(n int) backend.Buffer {
	data, used := b.memory.take(n)
	return &buffer{be: b, data: data, blank: used}
}

// Free gives b back for reuse; a Slice or a buffer already freed panics.
func (b *Backend) Free(buf backend.Buffer) {
	if s, ok := buf.(*stored); ok {
		s.free()
		return
	}
	f := buf.(*buffer)
	if f.view || f.data == nil {
		panic("cpu: Free of a Slice or of a freed buffer")
	}
	b.memory.put(f.data)
	f.data = nil
}

// Trim gives up what the pool keeps, and the memory of packed operands.
func (b *Backend) Trim() {
	b.memory.Trim()
	b.packed = [2][]float32{}
}

// Zero sets every value to 0.
func (b *Backend) Zero(buf backend.Buffer) {
	f := buf.(*buffer)
	f.blank = !f.view
	if f.view {
		b.clear(f.data)
	}
}

// Peak is the most bytes taken at once, or a little more: buffers, stored matrices, what ops work in, and what is kept for reuse.
func (b *Backend) Peak() int64 {
	return 4*int64(b.memory.Most()+len(b.packed[0])+len(b.packed[1])) + b.stored.most
}

func (b *Backend) clear(data []float32) {
	b.chunks(len(data), func(_ *worker, lo, hi int) { clear(data[lo:hi]) })
}

// Copy copies src to dst, which may be the same memory.
func (b *Backend) Copy(dst, src backend.Buffer) {
	s := same(src, dst, "Copy src")
	d := output(dst, len(s), "Copy dst")
	b.chunks(len(d), func(_ *worker, lo, hi int) { copy(d[lo:hi], s[lo:hi]) })
}

// Upload fills dst through fill, several parts at a time.
func (b *Backend) Upload(dst backend.Buffer, fill func(part []float32, lo int)) {
	data := output(dst, dst.Len(), "Upload dst")
	b.spans(len(data), 64*chunk, func(_ *worker, lo, hi int) { fill(data[lo:hi], lo) })
}

// UploadStored decodes t, several parts at a time.
func (b *Backend) UploadStored(dst backend.Buffer, t tensor.Tensor) {
	if t.Len() != dst.Len() {
		panic("cpu: UploadStored: lengths differ")
	}
	b.Upload(dst, t.Decode)
}

// Download copies src to the host.
func (b *Backend) Download(dst []float32, src backend.Buffer) {
	s := all(src)
	if len(dst) != len(s) {
		panic("cpu: Download: lengths differ")
	}
	b.chunks(len(s), func(_ *worker, lo, hi int) { copy(dst[lo:hi], s[lo:hi]) })
}

// Sync is nil: every op ends before it returns, and none fails.
func (b *Backend) Sync() error { return nil }

// values are those of b, to be read or added to.
func (b *buffer) values() []float32 {
	if b.blank {
		b.be.clear(b.data)
		b.blank = false
	}
	return b.data
}

func all(b backend.Buffer) []float32 { return b.(*buffer).values() }

// first is the leading n values of b, to be read or added to; a shorter buffer is
// a mistake.
func first(b backend.Buffer, n int, what string) []float32 {
	return all(b)[:fits(b, n, what)]
}

// output is the leading n values of b, all of which the caller overwrites.
func output(b backend.Buffer, n int, what string) []float32 {
	data, _ := total(b, n, what)
	return data
}

// total is the leading n values of b, to be added to, or all of them to be
// overwritten if add is false: they stand for zeros.
func total(b backend.Buffer, n int, what string) (data []float32, add bool) {
	f := b.(*buffer)
	if fits(b, n, what) < f.Len() || !f.blank {
		return first(b, n, what), true
	}
	f.blank = false
	return f.data, false
}

func fits(b backend.Buffer, n int, what string) int {
	if n < 0 || b.Len() < n {
		panic("cpu: " + what + ": buffer is shorter than its shape")
	}
	return n
}

// wanted is total, or nil for a nil buffer: the caller does not want the result.
func wanted(b backend.Buffer, n int, what string) (data []float32, add bool) {
	if b == nil {
		return nil, false
	}
	return total(b, n, what)
}

// same is the values of b, which must be as many as those of like.
func same(b, like backend.Buffer, what string) []float32 {
	if b.Len() != like.Len() {
		panic("cpu: " + what + ": lengths differ")
	}
	return all(b)
}

// aligned allocates n zeros that start at a multiple of 64 bytes.
func aligned(n int) []float32 {
	const lanes = 16
	data := make([]float32, n+lanes)
	skip := (lanes - int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))/4)%lanes) % lanes
	data = data[skip : skip+n : skip+n]
	advise(data)
	return data
}
