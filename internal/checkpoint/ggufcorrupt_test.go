package checkpoint

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"testing"
	"testing/iotest"
)

// raw builds headers that the writer would not make.
func raw(values ...any) []byte {
	e := &ggufEncoder{}
	e.WriteString(ggufMagic)
	for _, v := range values {
		if s, ok := v.(string); ok {
			e.string(s)
			continue
		}
		e.put(v)
	}
	return e.Bytes()
}

// padding fills up to the alignment.
func padding(b []byte) []byte {
	return append(b, make([]byte, padded(len(b), ggufAlign)-len(b))...)
}

func TestGGUFCorrupt(t *testing.T) {
	const v, none, one, two = uint32(3), uint64(0), uint64(1), uint64(2)
	// A file of one or two tensors of four F32 values; header padded, then n bytes.
	file := func(n int, values ...any) []byte {
		return append(padding(raw(values...)), make([]byte, n)...)
	}
	kind := func(t uint32) []byte { return file(16, v, one, none, "x", uint32(1), uint64(4), t, none) }
	dims := func(d ...uint64) []byte { return file(16, v, one, none, "x", uint32(len(d)), d, uint32(0), none) }
	at := func(a uint64) []byte { return file(64, v, one, none, "x", uint32(1), uint64(4), uint32(0), a) }
	pair := func(key string, values ...any) []byte {
		return raw(append([]any{v, none, one, key}, values...)...)
	}
	if _, err := parseGGUF(kind(0)); err != nil {
		t.Fatal("the valid file:", err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":              {nil, "magic"},
		"magic":              {append([]byte("GGML"), kind(0)[4:]...), "no GGUF"},
		"version 1":          {raw(uint32(1), none, none), "version 1"},
		"version 4":          {raw(uint32(4), none, none), "version 4"},
		"big endian":         {raw(uint32(3<<24), none, none), "big-endian"},
		"no counts":          {raw(v), "count"},
		"tensor count":       {raw(v, uint64(1<<40), none), "tensors"},
		"huge tensor count":  {raw(v, uint64(math.MaxUint64), none), "tensors"},
		"key count":          {raw(v, none, uint64(math.MaxUint64)), "metadata"},
		"key length":         {raw(v, none, one, uint64(math.MaxUint64), none), "key"},
		"string length":      {pair("k", uint32(8), uint64(1<<62)), `key "k"`},
		"array length":       {pair("k", uint32(9), uint32(4), uint64(1<<62)), `key "k"`},
		"array of strings":   {pair("k", uint32(9), uint32(8), uint64(1<<61)), `key "k"`},
		"string in array":    {pair("k", uint32(9), uint32(8), one, uint64(9)), `key "k"`},
		"nested array":       {pair("k", uint32(9), uint32(9), one, uint32(9), one), `"k"`},
		"array of unknown":   {pair("k", uint32(9), uint32(13), one, none), `"k"`},
		"unknown value":      {pair("k", uint32(13), one), `"k"`},
		"cut value":          {pair("k", uint32(10), uint32(1)), `key "k"`},
		"duplicate key":      {raw(v, none, two, "k", uint32(4), uint32(1), "k", uint32(4), uint32(1)), `"k"`},
		"alignment 0":        {pair("general.alignment", uint32(4), uint32(0)), "alignment"},
		"alignment 48":       {pair("general.alignment", uint32(4), uint32(48)), "alignment"},
		"alignment string":   {pair("general.alignment", uint32(8), "32"), "alignment"},
		"known type":         {kind(10), "Q2_K"},
		"unknown type":       {kind(99), `"x"`},
		"half a block":       {kind(8), `"x"`},
		"five dimensions":    {dims(1, 1, 1, 1, 4), "5 dimensions"},
		"many dimensions":    {file(16, v, one, none, "x", uint32(math.MaxUint32), uint64(4)), `"x"`},
		"negative dimension": {dims(math.MaxUint64), `"x"`},
		"overflow":           {dims(1<<32, 1<<32), `"x"`},
		"too large":          {dims(1 << 20), "truncated"},
		"unaligned":          {at(4), "alignment"},
		"beyond the end":     {at(96), "truncated"},
		"offset overflow":    {at(math.MaxUint64 - 31), `"x"`},
		"large offset":       {at(1 << 61), `"x"`},
		"duplicate tensor":   {file(64, v, two, none, "x", uint32(1), uint64(4), uint32(0), none, "x", uint32(1), uint64(4), uint32(0), uint64(32)), "twice"},
		"overlap":            {file(64, v, two, none, "x", uint32(1), uint64(12), uint32(0), none, "y", uint32(1), uint64(4), uint32(0), uint64(32)), `"x" and "y"`},
		"same place":         {file(64, v, two, none, "y", uint32(1), uint64(4), uint32(0), none, "x", uint32(1), uint64(4), uint32(0), none), `"x" and "y"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseGGUF(c.data)
			wantCorrupt(t, err, "m.gguf", c.want)
		})
	}
}

// TestGGUFTruncated cuts a valid file everywhere but in the last padding.
func TestGGUFTruncated(t *testing.T) {
	data := sampleGGUF(t)
	for n := range len(data) - 32 {
		_, err := parseGGUF(data[:n])
		wantCorrupt(t, err, "m.gguf")
	}
	if _, err := OpenGGUF("no such.gguf"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestGGUFHeaderLimit claims a large file: its size alone must not lead to allocations.
func TestGGUFHeaderLimit(t *testing.T) {
	const size = 1 << 40
	array := raw(uint32(3), uint64(0), uint64(1), "k", uint32(9), uint32(0), uint64(maxGGUFHeader))
	_, err := NewGGUF(bytes.NewReader(array), size, "m.gguf")
	wantCorrupt(t, err, `key "k"`, "limit")
	_, err = NewGGUF(bytes.NewReader(raw(uint32(3), uint64(1<<30), uint64(0))), size, "m.gguf")
	wantCorrupt(t, err, "tensors", "limit")
	_, err = NewGGUF(bytes.NewReader(raw(uint32(3), uint64(0), uint64(1))), size, "m.gguf")
	wantCorrupt(t, err, "truncated")
	broken := iotest.ErrReader(fs.ErrPermission)
	_, err = NewGGUF(readerAt{broken}, size, "m.gguf")
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// readerAt reads a stream wherever it is asked to.
type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }
