package checkpoint

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"moreau/internal/tensor"
)

func TestOverride(t *testing.T) {
	m, _ := sample(true)
	calls := 0
	infos := []Info{{"b.weight", tensor.F32, []int{2, 3}}, {"a.bias", tensor.F32, []int{5}}}
	v, err := Override(m, infos, func(name string) (tensor.Tensor, error) {
		calls++
		if name == "a.bias" {
			return tensor.FromFloat32(tensor.F32, []int{5}, []float32{9, 8, 7, 6, 5}), nil
		}
		return tensor.FromFloat32(tensor.F32, []int{2, 3}, []float32{0, 0, 0, 0, 0, float32(calls)}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Memory{"c.half": m["c.half"], "d.ints": m["d.ints"], "e.q8": m["e.q8"],
		"a.bias":   tensor.FromFloat32(tensor.F32, []int{5}, []float32{9, 8, 7, 6, 5}),
		"b.weight": tensor.FromFloat32(tensor.F32, []int{2, 3}, []float32{0, 0, 0, 0, 0, 2})} // the second call
	sameTensors(t, v, want)
	changed, _ := Override(m, want.Tensors(), want.Read) // a Memory, and the other types of a.bias
	sameTensors(t, changed, want)

	// The views of views: names, rows and further tensors over those that were replaced.
	renamed, err := Rename(changed, map[string]Entry{"w": {Name: "b.weight", Rows: []int{1, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if w, err := renamed.Read("w"); err != nil || !slices.Equal(w.Float32(), []float32{0, 0, 2, 0, 0, 2}) {
		t.Error(w.Float32(), err)
	}
	again, err := Override(v, infos[1:], m.Read)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := again.Read("a.bias"); err != nil || !slices.Equal(a.Float32(), m["a.bias"].Float32()) {
		t.Error(a.Float32(), err)
	}
	v.Tensors()[1].Shape[0] = 99
	if v.Tensors()[1].Shape[0] != 2 || infos[0].Shape[0] != 2 {
		t.Error("Tensors gave shapes that are not the caller's to change")
	}
}

func TestOverrideRefuses(t *testing.T) {
	m, _ := sample(false)
	if _, err := Override(m, []Info{{"no such", tensor.F32, []int{1}}}, m.Read); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a tensor that is not there:", err)
	}
	for _, shape := range [][]int{{3, 2}, {2, 2}, {2, 4}, {2}, {2, 3, 1}, nil} {
		if _, err := Override(m, []Info{{"b.weight", tensor.F32, shape}}, m.Read); err == nil {
			t.Errorf("shape %v for [2 3]: no error", shape)
		}
	}
}
