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
