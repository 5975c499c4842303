package load

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// OpenSizes opens a model as Open does where its weights are there, else as
// OpenConfig does.
func OpenSizes(path string) (*Model, error) {
	if bare(path) {
		return OpenConfig(path)
	}
	return Open(path)
}

// bare says whether path is a config.json, or a folder that has one and no weights.
func bare(path string) bool {
	if filepath.Base(path) == "config.json" {
		return true
	}
	entries, err := os.ReadDir(path)
	config := false
	for _, e := range entries {
		if strings.Contains(e.Name(), ".safetensors") {
			return false
		}
		config = config || e.Name() == "config.json"
	}
	return err == nil && config
}

// promised is everything of a checkpoint but the values.
type promised struct{ infos []checkpoint.Info }

// namedTypes are the types of weights by their names in config.json.
var namedTypes = map[string]tensor.DType{`"float32"`: tensor.F32, `"float16"`: tensor.F16, `"bfloat16"`: tensor.BF16}

// storedType is the type of the weights by config.json; BF16 where it says none.
func storedType(raw map[string]json.RawMessage) tensor.DType {
	for _, key := range []string{"dtype", "torch_dtype"} {
		if d, ok := namedTypes[string(raw[key])]; ok {
			return d
		}
	}
	return tensor.BF16
}

// Promised is a checkpoint with the names, the shapes and one type for the weights of
// cfg, by which outputs can be planned; reading fails.
func Promised(cfg *model.Config, dtype tensor.DType) checkpoint.Checkpoint {
	s := &promised{}
	for _, p := range cfg.Params() {
		s.infos = append(s.infos, checkpoint.Info{Name: p.Name, DType: dtype, Shape: p.Shape()})
	}
	return s
}

// Tensors implements checkpoint.Checkpoint.
func (s *promised) Tensors() []checkpoint.Info { return checkpoint.Infos(s.infos) }

// Read implements checkpoint.Checkpoint: there is nothing to read.
func (s *promised) Read(name string) (tensor.Tensor, error) {
	return tensor.Tensor{}, fmt.Errorf("%w: only its configuration is there, not the weights; download them", ErrModel)
}

// Close does nothing.
func (s *promised) Close() error { return nil }
