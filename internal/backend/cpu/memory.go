package cpu

import (
	"unsafe"

	"moreau/internal/backend"
)

// buffer is a backend.Buffer; view says that it came from Slice.
type buffer struct {
	data []float32
	view bool
}

func (b *buffer) Len() int { return len(b.data) }

func (b *buffer) Slice(lo, hi int) backend.Buffer {
	return &buffer{data: b.data[:len(b.data):len(b.data)][lo:hi:hi], view: true}
}

// New allocates n zeros, aligned to 64 bytes.
func (b *Backend) New(n int) backend.Buffer { return &buffer{data: b.zeros(n)} }

// zeros are from the pool, to be given back.
func (b *Backend) zeros(n int) []float32 {
	data, used := b.memory.take(n)
	if used {
		b.clear(data)
	}
	return data
}

// Free gives b back for reuse; a Slice or a buffer already freed panics.
func (b *Backend) Free(buf backend.Buffer) {
	f := buf.(*buffer)
	if f.view || f.data == nil {
		panic("cpu: Free of a Slice or of a freed buffer")
	}
	b.memory.put(f.data)
	f.data = nil
}

// Zero sets every value to 0.
func (b *Backend) Zero(buf backend.Buffer) { b.clear(all(buf)) }

func (b *Backend) clear(data []float32) {
	b.chunks(len(data), func(_ *worker, lo, hi int) { clear(data[lo:hi]) })
}

// Copy copies src to dst, which may be the same memory.
func (b *Backend) Copy(dst, src backend.Buffer) {
	d, s := all(dst), same(src, dst, "Copy src")
	b.chunks(len(d), func(_ *worker, lo, hi int) { copy(d[lo:hi], s[lo:hi]) })
}

// Upload fills dst through fill, several parts at a time.
func (b *Backend) Upload(dst backend.Buffer, fill func(part []float32, lo int)) {
	data := all(dst)
	b.spans(len(data), 64*chunk, func(_ *worker, lo, hi int) { fill(data[lo:hi], lo) })
}

// Download copies src to the host.
func (b *Backend) Download(dst []float32, src backend.Buffer) {
	s := all(src)
	if len(dst) != len(s) {
		panic("cpu: Download: lengths differ")
	}
	b.chunks(len(s), func(_ *worker, lo, hi int) { copy(dst[lo:hi], s[lo:hi]) })
}

func all(b backend.Buffer) []float32 { return b.(*buffer).data }

// first is the leading n values of b; a shorter buffer is a mistake.
func first(b backend.Buffer, n int, what string) []float32 {
	data := all(b)
	if n < 0 || len(data) < n {
		panic("cpu: " + what + ": buffer is shorter than its shape")
	}
	return data[:n]
}

// wanted is first, or nil for a nil buffer: the caller does not want the result.
func wanted(b backend.Buffer, n int, what string) []float32 {
	if b == nil {
		return nil
	}
	return first(b, n, what)
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
	return data[skip : skip+n : skip+n]
}
