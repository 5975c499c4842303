package verify

import (
	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// bounds are the relative RMS differences of logits that a type of the pruned model
// explains: two to ten times what SmolLM2-135M shows.
var bounds = map[tensor.DType]float64{tensor.F32: 1e-4, tensor.F16: 1e-2, tensor.BF16: 5e-2,
	tensor.Q8_0: 0.1, tensor.Q6_K: 0.2, tensor.Q4_K: 0.4, tensor.Q4_1: 0.4}

// quantBound is that of all other types.
const quantBound = 0.6

// Bound is the coarsest type of a model's matrices and the largest relative difference
// of logits that it explains.
func Bound(weights checkpoint.Checkpoint) (dtype string, bound float64) {
	for _, i := range weights.Tensors() {
		b, plain := bounds[i.DType]
		if !plain {
			b = quantBound
		}
		if len(i.Shape) == 2 && b > bound {
			dtype, bound = i.DType.String(), b
		}
	}
	return dtype, bound
}
