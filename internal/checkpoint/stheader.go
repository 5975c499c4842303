package checkpoint

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"moreau/internal/tensor"
)

// maxHeader is the limit of the safetensors library for its JSON header; it
// holds for the index of shards too.
const maxHeader = 100_000_000

// span is where the bytes of one tensor lie in a file.
type span struct {
	Info
	file     *source
	at, size int64
}

// source is an open file with the name that errors give it.
type source struct {
	io.ReaderAt
	name string
}

// read fetches the tensor into memory from alloc.
func (s span) read(alloc func(n int) []byte) (tensor.Tensor, error) {
	data := alloc(int(s.size))
	if err := readAt(s.file, data, s.at, s.file.name, fmt.Sprintf("tensor %q", s.Name)); err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.New(s.DType, slices.Clone(s.Shape), data), nil
}

// parseSafetensors reads and checks the header of one file of size bytes.
func parseSafetensors(src *source, size int64) ([]span, map[string]string, error) {
	text, err := safetensorsHeader(src, size)
	if err != nil {
		return nil, nil, err
	}
	var spans []span
	var metadata map[string]string
	start := 8 + int64(len(text))
	err = parseObject(text, func(d *json.Decoder, key string) (err error) {
		if key == "__metadata__" {
			metadata, err = parseStrings(d)
			return err
		}
		s, err := safetensorsEntry(d, src.name, key)
		s.file, s.at = src, s.at+start
		spans = append(spans, s)
		return err
	})
	if errors.Is(err, ErrCorrupt) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, corruptf(src.name, "safetensors header: %v; %s", err, again)
	}
	return spans, metadata, contiguous(src.name, spans, start, size)
}

// safetensorsHeader reads the JSON text behind the eight bytes of its length.
func safetensorsHeader(src *source, size int64) ([]byte, error) {
	var length [8]byte
	if err := readAt(src, length[:], 0, src.name, "the header length"); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, corruptf(src.name, "header of %d bytes, the limit is %d: this is no safetensors file", n, maxHeader)
	}
	if int64(n) > size-8 {
		return nil, corruptf(src.name, "header of %d bytes in a file of %d; the file is truncated: download it again", n, size)
	}
	text := make([]byte, n)
	if err := readAt(src, text, 8, src.name, "the header"); err != nil {
		return nil, err
	}
	if n == 0 || text[0] != '{' {
		return nil, corruptf(src.name, "the header does not start with '{': this is no safetensors file")
	}
	return text, nil
}

// safetensorsEntry reads the description of one tensor; at counts from the
// start of the data.
func safetensorsEntry(d *json.Decoder, file, name string) (span, error) {
	var e struct {
		DType   string   `json:"dtype"`
		Shape   []uint64 `json:"shape"`
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := d.Decode(&e); err != nil {
		return span{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	dtype, err := tensor.ParseDType(e.DType)
	if err != nil || dtype.Quantized() {
		return span{}, corruptf(file, "tensor %q has dtype %q, which is not supported: convert it to BF16, F16 or F32", name, e.DType)
	}
	s := span{Info: Info{Name: name, DType: dtype, Shape: []int{}}}
	if s.Shape, s.size, err = checkedShape(dtype, e.Shape); err != nil {
		return span{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	if e.Shape == nil || len(e.Offsets) != 2 {
		return span{}, fmt.Errorf("tensor %q lacks a shape or a pair of data_offsets", name)
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin > end || end > math.MaxInt64/2 {
		return span{}, fmt.Errorf("tensor %q has data_offsets [%d, %d]", name, begin, end)
	}
	if end-begin != uint64(s.size) {
		return span{}, fmt.Errorf("tensor %q has %d bytes, but %s%v takes %d", name, end-begin, dtype, s.Shape, s.size)
	}
	s.at = int64(begin)
	return s, nil
}

// checkedShape converts dimensions as a file gives them and counts the bytes.
func checkedShape(d tensor.DType, dims []uint64) (shape []int, size int64, err error) {
	shape = make([]int, len(dims))
	for i, n := range dims {
		if n > math.MaxInt {
			return nil, 0, errors.New("a dimension is too large")
		}
		shape[i] = int(n)
	}
	n, err := d.Bytes(shape)
	return shape, int64(n), err
}

// contiguous checks that the tensors fill the file from start to its end, each
// byte once.
func contiguous(file string, spans []span, start, size int64) error {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.size, b.size))
	})
	at := start
	for _, s := range sorted {
		if s.at != at {
			return corruptf(file, "tensor %q starts at byte %d, the one before ends at %d; %s", s.Name, s.at, at, again)
		}
		at += s.size
		if at > size {
			return corruptf(file, "tensor %q ends at byte %d of %d; the file is truncated: download it again", s.Name, at, size)
		}
	}
	if at != size {
		return corruptf(file, "the tensors end at byte %d of %d; %s", at, size, again)
	}
	return nil
}
