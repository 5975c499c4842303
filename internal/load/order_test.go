package load

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// Which tensor an error names depends on the file alone: the first by name.
func TestUnknownTensorNamedIsTheFirst(t *testing.T) {
	g, err := checkpoint.NewGGUF(strings.NewReader(string(stories)), int64(len(stories)), "stories")
	if err != nil {
		t.Fatal(err)
	}
	infos := g.Tensors()
	for i := range 8 {
		infos = append(infos, checkpoint.Info{Name: fmt.Sprintf("blk.%d.unknown", i), DType: tensor.F32, Shape: []int{1}})
	}
	read := func(name string) (tensor.Tensor, error) {
		if strings.HasSuffix(name, "unknown") {
			return tensor.FromFloat32(tensor.F32, []int{1}, []float32{1}), nil
		}
		return g.Read(name)
	}
	kv := []checkpoint.KeyValue{}
	for _, key := range slices.Sorted(maps.Keys(g.KV())) {
		kv = append(kv, checkpoint.KeyValue{Key: key, Value: g.KV()[key]})
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.WriteGGUF(f, kv, infos, read); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for range 20 {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "tensor blk.0.unknown has no place") {
			t.Fatalf("error %v, want one that names blk.0.unknown", err)
		}
	}
}

// What Tensors gives is the caller's.
func TestPromisedIsNotChangedByItsUser(t *testing.T) {
	m, err := Open(Builtin)
	if err != nil {
		t.Fatal(err)
	}
	p := Promised(m.Config, tensor.F16)
	infos := p.Tensors()
	if !slices.IsSortedFunc(infos, func(a, b checkpoint.Info) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("tensors are not sorted by name")
	}
	infos[0].Name = "other"
	if p.Tensors()[0].Name == "other" {
		t.Error("the list is shared with its user")
	}
}
