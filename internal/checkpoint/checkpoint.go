// Package checkpoint reads model files: safetensors (one file or shards) and
// GGUF. A Checkpoint is a lazy view: nothing is read before it is asked for,
// and a renamed, pruned or converted model is again a Checkpoint.
package checkpoint

import "moreau/internal/tensor"

// Info describes one stored tensor.
type Info struct {
	Name  string
	DType tensor.DType
	Shape []int // row-major, outermost first (the reverse of GGUF's order)
}

// Checkpoint gives named tensors. Implementations are safe for concurrent use.
type Checkpoint interface {
	// Tensors lists what is there, sorted by name.
	Tensors() []Info
	// Read returns one tensor; the caller may keep and change its bytes.
	Read(name string) (tensor.Tensor, error)
	Close() error
}

// ReadInto is c.Read with memory from alloc, where c can make use of that.
func ReadInto(c Checkpoint, name string, alloc func(n int) []byte) (tensor.Tensor, error) {
	if r, ok := c.(interface {
		readInto(name string, alloc func(n int) []byte) (tensor.Tensor, error)
	}); ok {
		return r.readInto(name, alloc)
	}
	return c.Read(name)
}

func fresh(n int) []byte { return make([]byte, n) }
