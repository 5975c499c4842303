package lora

import (
	"context"
	"fmt"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// Adapter is the update of one matrix W[O, I]: W + Scale·B·A with A[Rank, I] and B[O, Rank], row-major.
type Adapter struct {
	Rank  int
	Scale float64
	A, B  []float32
}

// Merge is the stage that makes adapters, by parameter, part of their matrices. What is changed of blocks is float32 then.
type Merge map[string]Adapter

// Estimate implements stage.Stage: a view.
func (a Merge) Estimate(c *model.Config) (stage.Estimate, error) {
	return stage.Estimate{After: c}, nil
}

// Run implements stage.Stage.
func (a Merge) Run(_ context.Context, m stage.Model) (stage.Model, error) {
	if len(a) == 0 {
		return m, nil
	}
	var infos []checkpoint.Info
	for _, info := range m.Weights.Tensors() {
		if _, ok := a[info.Name]; ok {
			info.DType = info.DType.Unpacked()
			infos = append(infos, info)
		}
	}
	from := m.Weights
	var err error
	m.Weights, err = checkpoint.Override(from, infos, func(name string) (tensor.Tensor, error) {
		w, err := from.Read(name)
		if err != nil {
			return w, err
		}
		return a[name].added(w, name)
	})
	return m, err
}

// added is W + Scale·B·A, each sum of products in float64.
func (a Adapter) added(w tensor.Tensor, name string) (tensor.Tensor, error) {
	O, I := w.Shape[0], w.Shape[1]
	if len(a.A) != a.Rank*I || len(a.B) != O*a.Rank {
		return w, fmt.Errorf("%s: an adapter of other sizes than %d x %d", name, O, I)
	}
	values, row := w.Float32(), make([]float64, I)
	for o := range O {
		clear(row)
		for k, b := range a.B[o*a.Rank : (o+1)*a.Rank] {
			for i, v := range a.A[k*I : (k+1)*I] {
				row[i] += float64(b) * float64(v)
			}
		}
		for i, v := range row {
			values[o*I+i] += float32(a.Scale * v)
		}
	}
	return tensor.FromFloat32(w.DType.Unpacked(), w.Shape, values), nil
}
