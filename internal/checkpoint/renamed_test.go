package checkpoint

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"moreau/internal/tensor"
)

func TestRename(t *testing.T) {
	m, _ := sample(true)
	v, err := Rename(m, map[string]Entry{
		"w": {Name: "b.weight", Rows: []int{1, 0}}, "q": {Name: "e.q8", Rows: []int{1, 0}},
		"bias": {Name: "a.bias", Rows: []int{4, 0, 1}}, "same": {Name: "d.ints"},
		"more": {Name: "a.bias", Add: 0.5}, "rows": {Name: "a.bias", Rows: []int{4, 0, 1}, Add: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range v.Tensors() {
		x, err := v.Read(info.Name)
		if err != nil || !sameInfo(info, Info{info.Name, x.DType, x.Shape}) {
			t.Errorf("%v: read %s%v, %v", info, x.DType, x.Shape, err)
		}
	}
	w, _ := v.Read("w")
	bias, _ := v.Read("bias")
	q, _ := v.Read("q")
	if !slices.Equal(w.Float32(), []float32{4, 5, 6, 1, 2, 3}) || !slices.Equal(bias.Float32(), []float32{5, 1, -2}) {
		t.Error(w.Float32(), bias.Float32())
	}
	more, _ := v.Read("more")
	rows, _ := v.Read("rows")
	if more.DType != tensor.F32 || more.Float32()[0] != bias.Float32()[1]+0.5 || !slices.Equal(rows.Float32(), []float32{4, 0, -3}) {
		t.Error(more.Float32(), rows.Float32())
	}
	if q.DType != tensor.Q8_0 || !slices.Equal(q.Data[:34], m["e.q8"].Data[34:]) {
		t.Error("the blocks of q changed")
	}
	if _, err := v.Read("b.weight"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the old name:", err)
	}
	for _, bad := range []Entry{{Name: "no such"}, {Name: "b.weight", Rows: []int{2}}, {Name: "b.weight", Rows: []int{-1}}} {
		if _, err := Rename(m, map[string]Entry{"x": bad}); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// TestRope spells the orders out for two heads of four values.
func TestRope(t *testing.T) {
	if got := RopeUnpermute(2, 4); !slices.Equal(got, []int{0, 2, 1, 3, 4, 6, 5, 7}) {
		t.Error(got)
	}
	if got := RopePermute(1, 8); !slices.Equal(got, []int{0, 4, 1, 5, 2, 6, 3, 7}) {
		t.Error(got)
	}
	if got := RopeUnpermute(1, 8); !slices.Equal(got, []int{0, 2, 4, 6, 1, 3, 5, 7}) {
		t.Error(got)
	}
}

func TestMemoryCopies(t *testing.T) {
	m, _ := sample(false)
	x, _ := m.Read("d.ints")
	x.Data[0], x.Shape[0] = 99, 99
	if m["d.ints"].Data[0] != 1 || m["d.ints"].Shape[0] != 1 {
		t.Error("Read gave the stored tensor")
	}
}
