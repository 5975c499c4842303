package load_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// bytesOf are the bytes of all tensors of a model.
func bytesOf(t *testing.T, m *load.Model) (n int) {
	t.Helper()
	for _, i := range m.Weights.Tensors() {
		size, err := i.DType.Bytes(i.Shape)
		if err != nil {
			t.Fatal(err)
		}
		n += size
	}
	return n
}

// A folder of a configuration alone says how many bytes its weights will have: by the
// type that it names, under the old key or the new, and 16 bits where it names none.
func TestSizesOfBareConfigurations(t *testing.T) {
	const parameters = 5*6 + 16*6 + 2*8*6 + 6*16 + 3*3*6 + 3*6 + 5*6
	for more, want := range map[string]tensor.DType{
		``:                            tensor.BF16,
		`"dtype": "float32", `:        tensor.F32,
		`"dtype": "float16", `:        tensor.F16,
		`"dtype": "bfloat16", `:       tensor.BF16,
		`"torch_dtype": "float32", `:  tensor.F32,
		`"torch_dtype": "float16", `:  tensor.F16,
		`"torch_dtype": "bfloat16", `: tensor.BF16,
		`"torch_dtype": null, `:       tensor.BF16,
		`"dtype": "float16", "torch_dtype": "float32", `:  tensor.F16,
		`"dtype": "bfloat16", "torch_dtype": "float32", `: tensor.BF16,
		`"dtype": null, "torch_dtype": "float32", `:       tensor.F32,
	} {
		dir := folder(t, strings.Replace(llama, "{", "{"+more, 1), nil)
		for _, path := range []string{dir, filepath.Join(dir, "config.json")} {
			m, err := load.OpenSizes(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytesOf(t, m); got != parameters*want.BlockBytes() || !m.Bare || m.Format != load.HF {
				t.Errorf("%q: %d bytes, want %d of %s", more, got, parameters*want.BlockBytes(), want)
			}
			for name, kind := range listed(m.Weights) {
				if !strings.HasPrefix(kind, want.String()+"[") {
					t.Errorf("%q: %s is %s, want %s", more, name, kind, want)
				}
			}
			if _, err := m.Weights.Read("model.norm.weight"); !errors.Is(err, load.ErrModel) || !strings.Contains(err.Error(), "download") {
				t.Errorf("reading: %v", err)
			}
		}
	}
}

// Where the weights are, sizes are theirs, whatever the configuration says of the type.
func TestSizesOfWeights(t *testing.T) {
	config := strings.Replace(llama, "{", `{"dtype": "float16", `, 1)
	m, err := load.OpenSizes(folder(t, config, llamaTensors()))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Bare || !maps.Equal(listed(m.Weights), listed(llamaTensors())) {
		t.Errorf("bare %v, %v", m.Bare, listed(m.Weights))
	}
	only, err := load.OpenConfig(folder(t, config, llamaTensors()))
	if err != nil || !only.Bare {
		t.Errorf("the configuration alone: %v", err)
	}
}

// A folder whose weights are not all there is an error, not a configuration; so is a
// configuration where weights are wanted.
func TestSizesOfHalfAFolder(t *testing.T) {
	dir := folder(t, llama, nil)
	put(t, filepath.Join(dir, "model.safetensors.index.json"), `{"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}`)
	if _, err := load.OpenSizes(dir); err == nil {
		t.Error("half a folder has sizes")
	}
	if _, err := load.Open(filepath.Join(folder(t, llama, llamaTensors()), "config.json")); !errors.Is(err, load.ErrModel) {
		t.Errorf("config.json as a model: %v", err)
	}
	if _, err := load.OpenSizes(t.TempDir()); !errors.Is(err, load.ErrModel) {
		t.Errorf("an empty folder: %v", err)
	}
}

// The list of a bare configuration is sorted and the caller's to change.
func TestListOfBareConfiguration(t *testing.T) {
	m, err := load.OpenConfig(folder(t, llama, nil))
	if err != nil {
		t.Fatal(err)
	}
	list := m.Weights.Tensors()
	if !slices.IsSortedFunc(list, func(a, b checkpoint.Info) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("not sorted: %v", list)
	}
	list[0].Name, list[0].Shape[0] = "changed", 99
	if again := m.Weights.Tensors()[0]; again.Name == "changed" || again.Shape[0] == 99 {
		t.Error("Tensors gives its own list away")
	}
}
