package checkpoint

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"moreau/internal/tensor"
)

// sample is a small model with float, integer and block types.
func sample(blocks bool) (Memory, []Info) {
	m := Memory{
		"b.weight": tensor.FromFloat32(tensor.F32, []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		"a.bias":   tensor.FromFloat32(tensor.BF16, []int{5}, []float32{1, -2, 3, -4, 5}),
		"c.half":   tensor.FromFloat32(tensor.F16, []int{1, 2, 3}, []float32{0, 1, 2, 3, 4, 5}),
		"d.ints":   tensor.New(tensor.I64, []int{1}, []byte{1, 2, 3, 4, 5, 6, 7, 8}),
	}
	if blocks {
		m["e.q8"] = tensor.New(tensor.Q8_0, []int{2, 32}, bytes.Repeat([]byte{0, 60, 7, 9}, 17))
	}
	infos := m.Tensors()
	infos[0], infos[1] = infos[1], infos[0] // files need not be sorted
	return m, infos
}

// sameTensors checks that got holds what want holds.
func sameTensors(t *testing.T, got, want Checkpoint) {
	t.Helper()
	if len(got.Tensors()) != len(want.Tensors()) {
		t.Fatalf("tensors: %v, want %v", got.Tensors(), want.Tensors())
	}
	for i, info := range want.Tensors() {
		if g := got.Tensors()[i]; !sameInfo(g, info) {
			t.Fatalf("tensor %v, want %v", g, info)
		}
		g, err := got.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := want.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !sameInfo(Info{info.Name, g.DType, g.Shape}, info) || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("tensor %q: %v, want %v", info.Name, g, w)
		}
	}
	if _, err := got.Read("no such"); err == nil {
		t.Error("a missing tensor: no error")
	}
}

func sameInfo(a, b Info) bool {
	if a.Name != b.Name || a.DType != b.DType || len(a.Shape) != len(b.Shape) {
		return false
	}
	for i := range a.Shape {
		if a.Shape[i] != b.Shape[i] {
			return false
		}
	}
	return true
}

// wantCorrupt checks that err is about the contents of a file, one line, and
// names what it must.
func wantCorrupt(t *testing.T, err error, names ...string) {
	t.Helper()
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v, want ErrCorrupt", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has more than one line", err)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
}
