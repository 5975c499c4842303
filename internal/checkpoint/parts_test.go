package checkpoint

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"moreau/internal/tensor"
)

// counted counts the bytes that are read.
type counted struct {
	io.ReaderAt
	n int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	c.n += len(p)
	return c.ReaderAt.ReadAt(p, at)
}

func TestSplit(t *testing.T) {
	m, _ := sample(true)
	var file bytes.Buffer
	if err := WriteGGUF(&file, nil, m.Tensors(), m.Read); err != nil {
		t.Fatal(err)
	}
	source := &counted{ReaderAt: bytes.NewReader(file.Bytes())}
	g, err := NewGGUF(source, int64(file.Len()), "test.gguf")
	if err != nil {
		t.Fatal(err)
	}
	same, err := Rename(g, map[string]Entry{"b.weight": {Name: "b.weight"}, "e.q8": {Name: "e.q8"}, "a.bias": {Name: "a.bias"}})
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := Rename(m, map[string]Entry{"b.weight": {Name: "b.weight", Rows: []int{1, 0, 1}}, "e.q8": {Name: "e.q8"}, "a.bias": {Name: "a.bias"}})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]Part{"second": {"b.weight", 1, 1}, "blocks": {"e.q8", 1, 1}, "bias": {"a.bias", 0, m["a.bias"].Shape[0]}, "none": {"b.weight", 0, 0}}
	for what, c := range map[string]Checkpoint{"file": g, "renamed file": same, "memory": m, "other rows": swapped} {
		v, err := Split(c, names)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, info := range v.Tensors() {
			x, err := v.Read(info.Name)
			if err != nil || !sameInfo(info, Info{info.Name, x.DType, x.Shape}) {
				t.Errorf("%s: %v: read %s%v, %v", what, info, x.DType, x.Shape, err)
			}
		}
		want := []float32{4, 5, 6}
		if what == "other rows" {
			want = []float32{1, 2, 3}
		}
		before := source.n
		x, _ := v.Read("second")
		if !slices.Equal(x.Float32(), want) {
			t.Errorf("%s: the second row is %v, want %v", what, x.Float32(), want)
		}
		if n := source.n - before; n > len(x.Data) {
			t.Errorf("%s: %d bytes are read for %d", what, n, len(x.Data))
		}
		if q, _ := v.Read("blocks"); q.DType != tensor.Q8_0 || !bytes.Equal(q.Data, m["e.q8"].Data[34:68]) {
			t.Errorf("%s: the blocks changed", what)
		}
		if _, err := v.Read("b.weight"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the whole tensor: %v", what, err)
		}
	}
	for _, bad := range []Part{{"no such", 0, 1}, {"b.weight", 1, 2}, {"b.weight", -1, 1}, {"b.weight", 0, -1}, {"a.bias", 1, 1}} {
		if _, err := Split(m, map[string]Part{"x": bad}); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

// A part of a renamed tensor has what is added to all of it.
func TestSplitAdds(t *testing.T) {
	m, _ := sample(true)
	for _, rows := range [][]int{nil, {1, 0}} {
		renamed, err := Rename(m, map[string]Entry{"w": {Name: "b.weight", Rows: rows, Add: 0.5}, "q": {Name: "e.q8", Rows: rows, Add: 1}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := Split(renamed, map[string]Part{"second": {"w", 1, 1}, "blocks": {"q", 1, 1}, "whole": {"w", 0, 2}})
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range v.Tensors() {
			x, err := v.Read(info.Name)
			if err != nil || !sameInfo(info, Info{info.Name, x.DType, x.Shape}) {
				t.Errorf("rows %v: %v: read %s%v, %v", rows, info, x.DType, x.Shape, err)
			}
		}
		w, _ := renamed.Read("w")
		q, _ := renamed.Read("q")
		for name, want := range map[string][]float32{"second": w.Float32()[3:], "blocks": q.Float32()[32:], "whole": w.Float32()} {
			if x, _ := v.Read(name); !slices.Equal(x.Float32(), want) {
				t.Errorf("rows %v: %s is %v, want %v", rows, name, x.Float32(), want)
			}
		}
	}
}

// Of several parts that are not there the first by name is told, every time.
func TestSplitNamesTheFirst(t *testing.T) {
	m, _ := sample(false)
	names := map[string]Part{}
	for _, n := range []string{"f", "e", "d", "c", "b", "a"} {
		names[n] = Part{"none of " + n, 0, 1}
	}
	for range 20 {
		if _, err := Split(m, names); err == nil || !strings.Contains(err.Error(), `"none of a"`) {
			t.Fatal(err)
		}
	}
}

// Every run of rows is the rows it says, from any kind of checkpoint.
func TestEveryPart(t *testing.T) {
	const rows, cols = 7, 3
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(i)
	}
	m := Memory{"w": tensor.FromFloat32(tensor.F16, []int{rows, cols}, values)}
	var file bytes.Buffer
	if err := WriteGGUF(&file, nil, m.Tensors(), m.Read); err != nil {
		t.Fatal(err)
	}
	g, err := NewGGUF(bytes.NewReader(file.Bytes()), int64(file.Len()), "test.gguf")
	if err != nil {
		t.Fatal(err)
	}
	order := []int{3, 0, 6, 6, 1, 2, 5, 4}
	views := map[string]map[string]Entry{"as it is": {"w": {Name: "w"}}, "more": {"w": {Name: "w", Add: 1}}, "reordered": {"w": {Name: "w", Rows: order}}}
	for what, names := range views {
		for _, base := range []Checkpoint{m, g} {
			c, err := Rename(base, names)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := c.Read("w")
			if err != nil {
				t.Fatal(err)
			}
			all := whole.Float32()
			for first := range whole.Shape[0] {
				for n := 1; first+n <= whole.Shape[0]; n++ {
					v, err := Split(c, map[string]Part{"p": {"w", first, n}})
					if err != nil {
						t.Fatal(err)
					}
					if got, err := v.Read("p"); err != nil || !slices.Equal(got.Float32(), all[first*cols:(first+n)*cols]) {
						t.Errorf("%s of %T: %d rows from %d are %v, %v", what, base, n, first, got.Float32(), err)
					}
				}
			}
		}
	}
}
