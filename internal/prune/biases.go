package prune

import (
	"context"
	"errors"
	"maps"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// Biases are the roles of biases that all layers get where they have none: a stage. They are zeros, so that the model
// computes what it did; what is to stand there is another stage's business (package refit).
type Biases model.Roles

// Estimate implements stage.Stage.
func (b Biases) Estimate(c *model.Config) (stage.Estimate, error) {
	if b == 0 {
		return stage.Estimate{}, errors.New("biases of no projection")
	}
	after, err := c.WithBiases(model.Roles(b))
	return stage.Estimate{After: after}, err
}

// Run implements stage.Stage.
func (b Biases) Run(_ context.Context, m stage.Model) (stage.Model, error) {
	e, err := b.Estimate(m.Config)
	if err != nil {
		return m, err
	}
	there := map[string]tensor.DType{}
	for _, info := range m.Weights.Tensors() {
		there[info.Name] = info.DType
	}
	zeros, dtype := checkpoint.Memory{}, tensor.F32
	for _, p := range e.After.Params() {
		d, some := there[p.Name]
		switch {
		case some && p.Role.Norm(): // what the file has its vectors in
			dtype = d
		case !some:
			zeros[p.Name] = tensor.FromFloat32(dtype, p.Shape(), make([]float32, p.Len()))
		}
	}
	m.Config, m.Weights = e.After, extended{m.Weights, zeros}
	return m, nil
}

// extended is a checkpoint with more tensors.
type extended struct {
	checkpoint.Checkpoint
	more checkpoint.Memory
}

// Tensors implements checkpoint.Checkpoint.
func (x extended) Tensors() []checkpoint.Info {
	return checkpoint.Infos(append(x.Checkpoint.Tensors(), x.more.Tensors()...))
}

// StoredTypes are those of the tensors that were there, and of the others.
func (x extended) StoredTypes() map[string]tensor.DType {
	types := checkpoint.StoredTypes(x.Checkpoint)
	maps.Copy(types, checkpoint.StoredTypes(x.more))
	return types
}

// Read implements checkpoint.Checkpoint.
func (x extended) Read(name string) (tensor.Tensor, error) {
	if _, some := x.more[name]; some {
		return x.more.Read(name)
	}
	return x.Checkpoint.Read(name)
}
