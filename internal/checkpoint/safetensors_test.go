package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/tensor"
)

// stFile makes a file of a JSON header and n bytes of data.
func stFile(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func writeFile(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sampleSafetensors(t *testing.T) []byte {
	t.Helper()
	m, infos := sample(false)
	var buf bytes.Buffer
	if err := WriteSafetensors(&buf, infos, m.Read, map[string]string{"format": "pt", "a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSafetensorsRoundTrip(t *testing.T) {
	data := sampleSafetensors(t)
	if n := binary.LittleEndian.Uint64(data); n%8 != 0 || !bytes.HasPrefix(data[8:], []byte(`{"__metadata__":`)) {
		t.Errorf("header of %d bytes: %s", n, data[8:40])
	}
	dir := t.TempDir()
	for _, path := range []string{writeFile(t, dir, "model.safetensors", data), dir} {
		s, err := OpenSafetensors(path)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := sample(false)
		sameTensors(t, s, m)
		if md := s.Metadata(); len(md) != 2 || md["format"] != "pt" || md["a"] != "<&>" {
			t.Errorf("metadata %v", md)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSafetensorsCorrupt(t *testing.T) {
	const x = `"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	entry := func(dtype, shape, offsets string) []byte {
		return stFile(fmt.Sprintf(`{"x":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets), 8)
	}
	valid := stFile("{"+x+"}", 8)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "truncated"},
		"no length":         {valid[:5], "truncated"},
		"no header":         {valid[:8], "truncated"},
		"half a header":     {valid[:30], "truncated"},
		"half the data":     {valid[:len(valid)-4], `"x"`},
		"too much data":     {append(valid[:len(valid):len(valid)], 0), "end at byte"},
		"huge header":       {append([]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, valid[8:]...), "limit"},
		"header length 0":   {make([]byte, 16), "'{'"},
		"not JSON":          {stFile("{]", 0), "header"},
		"array":             {stFile("[]", 0), "'{'"},
		"cut JSON":          {stFile(`{"x":`, 0), "header"},
		"text behind":       {stFile("{"+x+"}{}", 8), "after the JSON"},
		"deep":              {stFile(`{"x":{"shape":`+strings.Repeat("[", 20000), 0), `"x"`},
		"duplicate":         {stFile("{"+x+","+x+"}", 8), "twice"},
		"metadata number":   {stFile(`{"__metadata__":{"a":1}}`, 0), `"a"`},
		"metadata list":     {stFile(`{"__metadata__":[]}`, 0), "object"},
		"metadata null":     {stFile(`{"__metadata__":null}`, 0), "object"},
		"metadata twice":    {stFile(`{"__metadata__":{"a":"","a":""}}`, 0), "twice"},
		"entry is null":     {stFile(`{"x":null}`, 0), `"x"`},
		"entry is a number": {stFile(`{"x":3}`, 0), `"x"`},
		"unknown field":     {stFile(`{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4],"y":0}}`, 4), `"x"`},
		"no shape":          {stFile(`{"x":{"dtype":"F32","data_offsets":[0,4]}}`, 4), `"x"`},
		"no offsets":        {stFile(`{"x":{"dtype":"F32","shape":[]}}`, 4), `"x"`},
		"unknown dtype":     {entry(`"F8_E4M3"`, "[8]", "[0,8]"), "F8_E4M3"},
		"block dtype":       {entry(`"Q8_0"`, "[32]", "[0,34]"), "Q8_0"},
		"dtype number":      {entry(`7`, "[2]", "[0,8]"), `"x"`},
		"negative":          {entry(`"F32"`, "[-2]", "[0,8]"), `"x"`},
		"fraction":          {entry(`"F32"`, "[1.5]", "[0,8]"), `"x"`},
		"huge dimension":    {entry(`"F32"`, "[18446744073709551615]", "[0,8]"), `"x"`},
		"overflow":          {entry(`"F32"`, "[4294967296,4294967296,2]", "[0,8]"), `"x"`},
		"wrong size":        {entry(`"F32"`, "[3]", "[0,8]"), "takes 12"},
		"backwards":         {entry(`"F32"`, "[2]", "[8,0]"), "[8, 0]"},
		"one offset":        {entry(`"F32"`, "[2]", "[0]"), "pair"},
		"far offset":        {entry(`"F32"`, "[2]", "[9223372036854775800,9223372036854775808]"), `"x"`},
		"hole in front":     {stFile(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"x"`},
		"overlap":           {stFile("{"+x+`,"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"y"`},
		"hole between":      {stFile("{"+x+`,"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), `"y"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, t.TempDir(), "m.safetensors", c.data)
			_, err := OpenSafetensors(path)
			wantCorrupt(t, err, "m.safetensors", c.want)
		})
	}
}

func TestSafetensorsShards(t *testing.T) {
	shard := func(name string) []byte {
		return stFile(`{"`+name+`":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	}
	open := func(index string) (*Safetensors, error) {
		dir := t.TempDir()
		writeFile(t, dir, "s1.safetensors", shard("x"))
		writeFile(t, dir, "s2.safetensors", shard("y"))
		writeFile(t, dir, "model.safetensors.index.json", []byte(index))
		return OpenSafetensors(dir)
	}
	s, err := open(`{"metadata":{"total_size":16},"weight_map":{"x":"s1.safetensors","y":"s2.safetensors"}}`)
	if err != nil || len(s.Tensors()) != 2 {
		t.Fatal(s, err)
	}
	s.Close()
	for index, want := range map[string]string{
		`{"weight_map":{"x":"s2.safetensors"}}`:                      `"x"`,
		`{"weight_map":{"x":"../s1.safetensors"}}`:                   `"../s1.safetensors"`,
		`{"weight_map":{"x":"/etc/passwd"}}`:                         `"/etc/passwd"`,
		`{"weight_map":{"x":"a\\b"}}`:                                `"x"`,
		`{"weight_map":{"x":".."}}`:                                  `"x"`,
		`{"weight_map":{"x":""}}`:                                    `"x"`,
		`{"weight_map":{"x":1}}`:                                     `"x"`,
		`{"weight_map":{}}`:                                          "weight_map",
		`{"weight_map":{"x":"s1.safetensors","x":"s1.safetensors"}}`: "twice",
		`{}`:    "weight_map",
		`[`:     "index.json",
		`{"a":`: "index.json",
		``:      "index.json",
		`{"weight_map":{"x":"s1.safetensors"},"a":` + strings.Repeat("[", 20000): "depth",
	} {
		_, err := open(index)
		wantCorrupt(t, err, "model.safetensors.index.json", want)
	}
	_, err = open(`{"weight_map":{"x":"s3.safetensors"}}`)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "index.json") || !strings.Contains(err.Error(), "s3.safetensors") {
		t.Errorf("missing shard: %v", err)
	}
}

// Of several tensors in wrong places the first by name is told, every time.
func TestIndexNamesTheFirst(t *testing.T) {
	const text = `{"weight_map":{"f":"..","e":"..","d":"..","c":"..","b":"..","a":".."}}`
	for range 20 {
		_, err := parseIndex([]byte(text), "index.json")
		wantCorrupt(t, err, `tensor "a"`)
	}
}

func TestSafetensorsMissing(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no.safetensors")} {
		if _, err := OpenSafetensors(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSafetensorsShrinks cuts the file after it was opened.
func TestSafetensorsShrinks(t *testing.T) {
	path := writeFile(t, t.TempDir(), "m.safetensors", sampleSafetensors(t))
	s, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, err = s.Read("b.weight")
	wantCorrupt(t, err, "b.weight", "truncated")
}

func TestWriteSafetensorsErrors(t *testing.T) {
	m, infos := sample(true)
	for name, bad := range map[string][]Info{
		"block type": infos,
		"twice":      {infos[0], infos[0]},
		"reserved":   {{Name: "__metadata__"}},
		"missing":    {{Name: "no such"}},
		"shape":      {{Name: "d.ints", DType: infos[3].DType, Shape: []int{2}}},
	} {
		if err := WriteSafetensors(&bytes.Buffer{}, bad, m.Read, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Where a folder has one file and an index, the file counts, as in transformers.
func TestSingleFileComesFirst(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, v float32) {
		m := Memory{"w": tensor.FromFloat32(tensor.F32, []int{1}, []float32{v})}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := WriteSafetensors(f, m.Tensors(), m.Read, nil); err != nil {
			t.Fatal(err)
		}
	}
	put("model.safetensors", 1)
	put("model-00001-of-00001.safetensors", 2)
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(`{"weight_map": {"w": "model-00001-of-00001.safetensors"}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, want := range []float32{1, 2} {
		s, err := OpenSafetensors(dir)
		if err != nil {
			t.Fatal(err)
		}
		if x, err := s.Read("w"); err != nil || x.Float32()[0] != want {
			t.Errorf("%v, %v, want %g", x.Float32(), err, want)
		}
		s.Close()
		os.Remove(filepath.Join(dir, "model.safetensors"))
	}
}

// What is no plain file, which opening could block on for ever, is refused by its name,
// whatever it stands in for.
func TestNoPlainFile(t *testing.T) {
	folder := func(names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	indexed := folder("s.safetensors")
	writeFile(t, indexed, "model.safetensors.index.json", []byte(`{"weight_map": {"x": "s.safetensors"}}`))
	for name, open := range map[string]func() error{
		"m.gguf":                       func() error { _, err := OpenGGUF(filepath.Join(folder("m.gguf"), "m.gguf")); return err },
		"model.safetensors":            func() error { _, err := OpenSafetensors(folder("model.safetensors")); return err },
		"model.safetensors.index.json": func() error { _, err := OpenSafetensors(folder("model.safetensors.index.json")); return err },
		"s.safetensors":                func() error { _, err := OpenSafetensors(indexed); return err },
	} {
		if err := open(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
