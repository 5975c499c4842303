package checkpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"moreau/internal/tensor"
)

// maxGGUFHeader limits metadata and tensor descriptions together; the
// vocabularies of today take 10 MB.
const maxGGUFHeader = 1 << 27

// ggufDecoder reads the header of a GGUF file from front to back. After the
// first error all reads give zero values.
type ggufDecoder struct {
	source *source
	r      *bufio.Reader
	size   int64 // of the file
	at     int64 // bytes read so far
	err    error
}

func newGGUFDecoder(r io.ReaderAt, size int64, name string) *ggufDecoder {
	return &ggufDecoder{source: &source{r, name}, size: size, r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16)}
}

// fail keeps the first error.
func (d *ggufDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = corruptf(d.source.name, format, args...)
	}
}

// fits checks n items of at least size bytes each before anything is allocated for them.
func (d *ggufDecoder) fits(n, size uint64, what string) bool {
	switch left := uint64(d.size - d.at); {
	case d.err != nil:
	case n > left/size:
		d.fail("%s of length %d at byte %d runs past the end of the file; it is damaged or truncated: download it again", what, n, d.at)
	case n*size > maxGGUFHeader-min(uint64(d.at), maxGGUFHeader):
		d.fail("%s of length %d at byte %d: the header is larger than the limit of %d bytes", what, n, d.at, maxGGUFHeader)
	}
	return d.err == nil
}

// bytes reads n bytes.
func (d *ggufDecoder) bytes(n uint64, what string) []byte {
	if !d.fits(n, 1, what) {
		return nil
	}
	buf := make([]byte, n)
	if _, err := io.ReadFull(d.r, buf); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.fail("%s at byte %d: the file ends; it is truncated: download it again", what, d.at)
	} else if err != nil {
		d.err = fmt.Errorf("%s: %s at byte %d: %w", d.source.name, what, d.at, err)
	}
	d.at += int64(n)
	return buf
}

func (d *ggufDecoder) u32(what string) uint32 {
	if b := d.bytes(4, what); d.err == nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *ggufDecoder) u64(what string) uint64 {
	if b := d.bytes(8, what); d.err == nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *ggufDecoder) string(what string) string {
	return string(d.bytes(d.u64(what), what))
}

// header reads magic, version and counts.
func (d *ggufDecoder) header() (tensors, pairs uint64) {
	if magic := d.bytes(4, "the magic"); d.err == nil && string(magic) != ggufMagic {
		d.fail("starts with %q instead of %q: this is no GGUF file", magic, ggufMagic)
	}
	switch v := d.u32("the version"); {
	case v&0xFFFF == 0 && v != 0:
		d.fail("GGUF for big-endian machines is not supported: convert it with gguf-convert-endian")
	case v != 2 && v != 3:
		d.fail("GGUF version %d is not supported, only 2 and 3: convert the model again", v)
	}
	tensors, pairs = d.u64("the tensor count"), d.u64("the key count")
	// A tensor takes at least a name length, dimension count, type and offset;
	// a pair at least a key length, type and value of one byte.
	d.fits(tensors, 8+4+4+8, "the list of tensors")
	d.fits(pairs, 8+4+1, "the metadata")
	return tensors, pairs
}

// value reads the type and value of a metadata key.
func (d *ggufDecoder) value(key string) any {
	what := fmt.Sprintf("the value of key %q", key)
	t := d.u32(what)
	switch n, ok := ggufNumbers[t]; {
	case ok:
		if b := d.bytes(uint64(n.size), what); d.err == nil {
			return n.one(b)
		}
	case t == ggufString:
		return d.string(what)
	case t == ggufArray:
		return d.array(key, what)
	default:
		d.fail("key %q has the unknown type %d; %s", key, t, again)
	}
	return nil
}

// array reads an array of numbers or strings; arrays of arrays, which no
// runtime reads either, are refused.
func (d *ggufDecoder) array(key, what string) any {
	t, n := d.u32(what), d.u64(what)
	if num, ok := ggufNumbers[t]; ok && d.fits(n, uint64(num.size), what) {
		if b := d.bytes(n*uint64(num.size), what); d.err == nil {
			return num.many(b)
		}
	} else if t != ggufString {
		d.fail("key %q is an array of type %d, which is not supported; %s", key, t, again)
	} else if d.fits(n, 8, what) {
		items := make([]string, n)
		for i := 0; i < len(items) && d.err == nil; i++ {
			items[i] = d.string(what)
		}
		return items
	}
	return nil
}

// tensorInfo reads one tensor description; at counts from the start of the data.
func (d *ggufDecoder) tensorInfo() span {
	s := span{file: d.source}
	s.Name = d.string("a tensor name")
	rank := d.u32("the rank of a tensor")
	if rank > ggufDims {
		d.fail("tensor %q has %d dimensions, the limit is %d; %s", s.Name, rank, ggufDims, again)
	}
	dims := make([]uint64, min(rank, ggufDims))
	for i := range dims {
		dims[len(dims)-1-i] = d.u64("the shape of a tensor")
	}
	t, at := d.u32("the type of a tensor"), d.u64("the offset of a tensor")
	dtype, ok := ggufDTypes[t]
	if !ok {
		d.fail("tensor %q has type %s, which is not supported: use another quantisation, such as Q8_0 or F16", s.Name, foreignName(t))
	}
	s.describe(d, dtype, dims, at)
	return s
}

// describe fills in type, shape, size and position.
func (s *span) describe(d *ggufDecoder, dtype tensor.DType, dims []uint64, at uint64) {
	var err error
	s.DType = dtype
	if s.Shape, s.size, err = checkedShape(dtype, dims); err != nil {
		d.fail("tensor %q: %v; %s", s.Name, err, again)
	}
	if at > math.MaxInt64/2 {
		d.fail("tensor %q starts at %d, beyond the end; %s", s.Name, at, again)
	}
	s.at = int64(at)
}
