package checkpoint

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/tensor"
)

// samplePairs holds one value of every type that GGUF knows.
var samplePairs = []KeyValue{
	{"general.architecture", "llama"}, {"general.alignment", uint32(32)},
	{"u8", uint8(1)}, {"i8", int8(-2)}, {"u16", uint16(3)}, {"i16", int16(-4)}, {"u32", uint32(5)}, {"i32", int32(-6)},
	{"u64", uint64(7)}, {"i64", int64(8)}, {"f32", float32(0.5)}, {"f64", 0.25}, {"bool", true}, {"none", []string{}},
	{"u8s", []uint8{1, 2}}, {"i8s", []int8{-1}}, {"u16s", []uint16{1}}, {"i16s", []int16{-1}}, {"u32s", []uint32{9, 8}},
	{"i32s", []int32{3, 4}}, {"u64s", []uint64{1}}, {"i64s", []int64{-1}}, {"f32s", []float32{1, 2.5}}, {"f64s", []float64{3}},
	{"bools", []bool{true, false}}, {"strings", []string{"", "a", "b\n"}},
}

func sampleGGUF(t testing.TB) []byte {
	t.Helper()
	m, infos := sample(true)
	var buf bytes.Buffer
	if err := WriteGGUF(&buf, samplePairs, infos, m.Read); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func parseGGUF(data []byte) (*GGUF, error) {
	return NewGGUF(bytes.NewReader(data), int64(len(data)), "m.gguf")
}

func TestGGUFRoundTrip(t *testing.T) {
	data := sampleGGUF(t)
	version2 := slices.Clone(data)
	version2[4] = 2
	for _, data := range [][]byte{data, version2} {
		g, err := OpenGGUF(writeFile(t, t.TempDir(), "m.gguf", data))
		if err != nil {
			t.Fatal(err)
		}
		m, _ := sample(true)
		sameTensors(t, g, m)
		for i, p := range samplePairs {
			if g.Keys()[i] != p.Key || !reflect.DeepEqual(g.KV()[p.Key], p.Value) {
				t.Errorf("key %q is %#v, want %#v", g.Keys()[i], g.KV()[p.Key], p.Value)
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What each look-up makes of a value of each type: what is not named here is of another kind.
func TestGGUFValues(t *testing.T) {
	g, err := parseGGUF(sampleGGUF(t))
	if err != nil {
		t.Fatal(err)
	}
	lookups := map[string]func(key string) (any, bool){
		"String": func(key string) (any, bool) { return found(g.String(key)) },
		"Uint":   func(key string) (any, bool) { return found(g.Uint(key)) },
		"Uints":  func(key string) (any, bool) { return found(g.Uints(key)) },
		"Float":  func(key string) (any, bool) { return found(g.Float(key)) },
		"Flags":  func(key string) (any, bool) { return found(g.Flags(key)) },
	}
	want := map[string]map[string]any{
		"String": {"general.architecture": "llama"},
		"Uint":   {"general.alignment": uint64(32), "u8": uint64(1), "u16": uint64(3), "u32": uint64(5), "u64": uint64(7), "i64": uint64(8)},
		"Uints": {"general.alignment": []uint64{32}, "u8": []uint64{1}, "u16": []uint64{3}, "u32": []uint64{5}, "u64": []uint64{7}, "i64": []uint64{8},
			"u8s": []uint64{1, 2}, "u16s": []uint64{1}, "u32s": []uint64{9, 8}, "i32s": []uint64{3, 4}, "u64s": []uint64{1}, "none": []uint64{}},
		"Float": {"f32": 0.5, "f64": 0.25},
		"Flags": {"bool": []bool{true}, "bools": []bool{true, false}},
	}
	for _, key := range append(g.Keys(), "no such") {
		for name, lookup := range lookups {
			got, ok := lookup(key)
			if value, there := want[name][key]; ok != there || ok && !reflect.DeepEqual(got, value) {
				t.Errorf("%s of %s: %v, %t, want %v, %t", name, key, got, ok, value, there)
			}
		}
	}
}

func found[T any](v T, ok bool) (any, bool) { return v, ok }

// What GGUF cannot hold is refused by its name before the first byte is written.
func TestWriteGGUFErrors(t *testing.T) {
	m, infos := sample(true)
	for name, c := range map[string]struct {
		kv    []KeyValue
		infos []Info
		want  string
	}{
		"twice":     {nil, []Info{infos[0], infos[0]}, "to be written twice"},
		"two keys":  {[]KeyValue{{"k", true}, {"k", true}}, nil, `key "k" is to be written twice`},
		"alignment": {[]KeyValue{{"general.alignment", uint32(64)}}, nil, "general.alignment"},
		"type":      {[]KeyValue{{"k", 1}}, nil, `"k" has a value of type int`},
		"nil":       {[]KeyValue{{"k", nil}}, nil, `"k" has a value of type <nil>`},
		"bool":      {nil, []Info{{Name: "x", DType: tensor.Bool}}, "BOOL cannot be stored"},
		"long name": {nil, []Info{{Name: strings.Repeat("x", 64), Shape: []int{1}}}, "at most 63 bytes"},
		"rank":      {nil, []Info{{Name: "x", Shape: []int{1, 1, 1, 1, 1}}}, "4 axes"},
		"no blocks": {nil, []Info{{Name: "x", DType: tensor.Q8_0, Shape: []int{33}}}, `"x"`},
	} {
		var file bytes.Buffer
		if err := WriteGGUF(&file, c.kv, c.infos, m.Read); err == nil || !strings.Contains(err.Error(), c.want) || file.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", name, file.Len(), err)
		}
	}
	if err := WriteGGUF(&bytes.Buffer{}, nil, []Info{{Name: "no such"}}, m.Read); err == nil {
		t.Error("missing: no error")
	}
}

// The longest name and the most axes that llama.cpp reads are written and read again.
func TestWriteGGUFLimits(t *testing.T) {
	m := Memory{strings.Repeat("x", 63): tensor.FromFloat32(tensor.F32, []int{1, 1, 1, 2}, []float32{1, 2})}
	var file bytes.Buffer
	if err := WriteGGUF(&file, nil, m.Tensors(), m.Read); err != nil {
		t.Fatal(err)
	}
	if head := string(file.Bytes()[:8]); head != "GGUF\x03\x00\x00\x00" {
		t.Errorf("the file begins with %q", head)
	}
	g, err := parseGGUF(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, g, m)
}
