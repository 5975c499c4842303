package verify

import (
	"context"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// WithBiases is the dense model with the biases besides that the pruned one alone has: zeros.
func WithBiases(ctx context.Context, dense, pruned Model) (Model, error) {
	more := pruned.Config.Biases() &^ dense.Config.Biases()
	if more == 0 {
		return dense, nil
	}
	m, err := prune.Biases(more).Run(ctx, stage.Model{Config: dense.Config, Weights: dense.Weights})
	return Model{m.Config, m.Weights}, err
}

// TakeBiases is the dense model with the pruned one's biases of o and down in place of its own, and the names of those
// that differ. Both have the same layers and biases.
func TakeBiases(dense, pruned Model) (Model, []string, error) {
	taken := checkpoint.Memory{}
	for l := range dense.Config.Layers {
		for i, d := range dense.Config.LayerParams(l) {
			if d.Role != model.OBias && d.Role != model.DownBias {
				continue
			}
			was, err := decoded(dense, d)
			if err != nil {
				return dense, nil, err
			}
			is, err := decoded(pruned, pruned.Config.LayerParams(l)[i])
			if err != nil {
				return dense, nil, err
			}
			if !slices.Equal(was, is) {
				taken[d.Name] = tensor.FromFloat32(tensor.F32, d.Shape(), is)
			}
		}
	}
	var names []string
	for _, info := range taken.Tensors() {
		names = append(names, info.Name)
	}
	weights, err := checkpoint.Override(dense.Weights, taken.Tensors(), taken.Read)
	return Model{dense.Config, weights}, names, err
}
