package checkpoint

import (
	"cmp"
	"io"
	"maps"
	"slices"
)

// GGUF is a Checkpoint in a GGUF file, under the tensor names of the file and
// with row-major shapes (the reverse of the file's order).
type GGUF struct {
	spans
	keys   []string
	kv     map[string]any
	closer io.Closer
}

// OpenGGUF opens a GGUF file of version 2 or 3, little endian. Everything but
// the tensor data is read and checked before it returns.
func OpenGGUF(path string) (*GGUF, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	g, err := NewGGUF(f, size, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	g.closer = f
	return g, nil
}

// NewGGUF is OpenGGUF for size bytes behind r, which errors call name. Closing
// the result does not close r.
func NewGGUF(r io.ReaderAt, size int64, name string) (*GGUF, error) {
	d := newGGUFDecoder(r, size, name)
	tensors, pairs := d.header()
	g := &GGUF{spans: spans{}, kv: map[string]any{}}
	g.pairs(d, pairs)
	var infos []span
	for i := uint64(0); i < tensors && d.err == nil; i++ {
		infos = append(infos, d.tensorInfo())
	}
	if d.err == nil {
		d.err = g.place(d, infos)
	}
	if d.err != nil {
		return nil, d.err
	}
	return g, nil
}

// KV is the metadata by key. Scalars have the Go type of the same name and
// width, arrays are slices of it: uint32, []string, []float32. The slices are
// not the caller's to change.
func (g *GGUF) KV() map[string]any { return maps.Clone(g.kv) }

// Keys lists the metadata keys in the order of the file.
func (g *GGUF) Keys() []string { return slices.Clone(g.keys) }

// Close closes the file that OpenGGUF opened.
func (g *GGUF) Close() error {
	if g.closer == nil {
		return nil
	}
	return g.closer.Close()
}

// pairs reads n metadata pairs.
func (g *GGUF) pairs(d *ggufDecoder, n uint64) {
	for range n {
		key := d.string("a key")
		value := d.value(key)
		if d.err != nil {
			return
		}
		if _, dup := g.kv[key]; dup {
			d.fail("key %q occurs twice; %s", key, again)
			return
		}
		g.keys = append(g.keys, key)
		g.kv[key] = value
	}
}

// place finds where each tensor lies: offsets count from the end of the header,
// padded to the alignment.
func (g *GGUF) place(d *ggufDecoder, infos []span) error {
	align, err := g.alignment(d.source.name)
	if err != nil {
		return err
	}
	start := (d.at + align - 1) / align * align
	for _, s := range infos {
		if _, dup := g.spans[s.Name]; dup {
			return corruptf(d.source.name, "tensor %q occurs twice; %s", s.Name, again)
		}
		if s.at%align != 0 {
			return corruptf(d.source.name, "tensor %q starts at %d, no multiple of the alignment %d; %s", s.Name, s.at, align, again)
		}
		if s.at > d.size-start || s.size > d.size-start-s.at {
			return corruptf(d.source.name, "tensor %q takes %d bytes from %d on, beyond the end at %d; the file is truncated: download it again", s.Name, s.size, start+s.at, d.size)
		}
		s.at += start
		g.spans[s.Name] = s
	}
	return g.disjoint(d.source.name)
}

// alignment is general.alignment, 32 when absent.
func (g *GGUF) alignment(file string) (int64, error) {
	if _, ok := g.kv["general.alignment"]; !ok {
		return ggufAlign, nil
	}
	n, ok := g.kv["general.alignment"].(uint32)
	if !ok || n == 0 || n&(n-1) != 0 {
		return 0, corruptf(file, "general.alignment is %v, no power of two of type uint32; %s", g.kv["general.alignment"], again)
	}
	return int64(n), nil
}

// disjoint checks that no two tensors share bytes.
func (g *GGUF) disjoint(file string) error {
	sorted := slices.SortedFunc(maps.Values(g.spans), func(a, b span) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.size, b.size), cmp.Compare(a.Name, b.Name))
	})
	for i := 1; i < len(sorted); i++ {
		if a, b := sorted[i-1], sorted[i]; a.at+a.size > b.at {
			return corruptf(file, "tensors %q and %q overlap; %s", a.Name, b.Name, again)
		}
	}
	return nil
}
