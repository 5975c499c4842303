package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
)

// maxGGUFName is the longest tensor name that llama.cpp reads.
const maxGGUFName = 63

// KeyValue is one pair of GGUF metadata. Value is a Go number, bool, string or
// a slice of one of them; its Go type decides the type in the file.
type KeyValue struct {
	Key   string
	Value any
}

// WriteGGUF writes a GGUF file of version 3: the pairs and the tensors in the
// given order, holding one tensor at a time, data aligned to 32 bytes.
func WriteGGUF(w io.Writer, kv []KeyValue, tensors []Info, read ReadFunc) error {
	header, err := ggufHeader(kv, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	return writeData(w, tensors, read, ggufAlign)
}

// ggufHeader is everything before the data, padded.
func ggufHeader(kv []KeyValue, tensors []Info) ([]byte, error) {
	offsets, _, err := place(tensors, ggufAlign)
	if err != nil {
		return nil, err
	}
	e := &ggufEncoder{}
	e.WriteString(ggufMagic)
	e.put(uint32(3), uint64(len(tensors)), uint64(len(kv)))
	seen := map[string]bool{}
	for _, p := range kv {
		if seen[p.Key] {
			return nil, fmt.Errorf("key %q is to be written twice", p.Key)
		}
		seen[p.Key] = true
		if p.Key == "general.alignment" && p.Value != uint32(ggufAlign) {
			return nil, fmt.Errorf("key %q is %v, but files are written with %d: drop the key", p.Key, p.Value, ggufAlign)
		}
		if err := e.pair(p); err != nil {
			return nil, err
		}
	}
	for i, info := range tensors {
		if err := e.tensor(info, offsets[i]); err != nil {
			return nil, err
		}
	}
	e.Write(make([]byte, padded(e.Len(), ggufAlign)-e.Len()))
	return e.Bytes(), nil
}

// ggufEncoder collects the header.
type ggufEncoder struct{ bytes.Buffer }

// put appends numbers, or slices of numbers.
func (e *ggufEncoder) put(values ...any) {
	for _, v := range values {
		binary.Write(e, binary.LittleEndian, v) // cannot fail: sized types into memory
	}
}

func (e *ggufEncoder) string(s string) {
	e.put(uint64(len(s)))
	e.WriteString(s)
}

// pair appends one metadata pair.
func (e *ggufEncoder) pair(p KeyValue) error {
	e.string(p.Key)
	switch v := p.Value.(type) {
	case string:
		e.put(uint32(ggufString))
		e.string(v)
		return nil
	case []string:
		e.put(uint32(ggufArray), uint32(ggufString), uint64(len(v)))
		for _, s := range v {
			e.string(s)
		}
		return nil
	}
	v := reflect.ValueOf(p.Value)
	for id, n := range ggufNumbers {
		switch reflect.TypeOf(p.Value) {
		case n.typ:
			e.put(id, p.Value)
			return nil
		case reflect.SliceOf(n.typ):
			e.put(uint32(ggufArray), id, uint64(v.Len()), p.Value)
			return nil
		}
	}
	return fmt.Errorf("key %q has a value of type %T, which GGUF cannot hold", p.Key, p.Value)
}

// tensor appends one tensor description.
func (e *ggufEncoder) tensor(info Info, offset int) error {
	if len(info.Name) > maxGGUFName || len(info.Shape) > ggufDims {
		return fmt.Errorf("tensor %q of shape %v does not fit GGUF: at most %d bytes of name and %d axes", info.Name, info.Shape, maxGGUFName, ggufDims)
	}
	for id, d := range ggufDTypes {
		if d != info.DType {
			continue
		}
		e.string(info.Name)
		e.put(uint32(len(info.Shape)))
		for i := range info.Shape {
			e.put(uint64(info.Shape[len(info.Shape)-1-i]))
		}
		e.put(id, uint64(offset))
		return nil
	}
	return fmt.Errorf("tensor %q of type %s cannot be stored in GGUF", info.Name, info.DType)
}
