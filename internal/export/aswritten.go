package export

import (
	"fmt"

	"moreau/internal/checkpoint"
)

// AsWritten is m's weights with the values that NewPlan's output would hold: rounded to its types, which are encoded each time
// a matrix is read. What fits the output as it is passes untouched.
func AsWritten(m Model, path string, o Options) (checkpoint.Checkpoint, error) {
	blocks := isGGUF(path)
	c, err := newCast(m, o, blocks)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if blocks {
		c.vectorsF32()
	}
	var rounded []checkpoint.Info
	for _, info := range m.Weights.Tensors() {
		if to, ok := c.dtypes[info.Name]; ok && to != info.DType {
			info.DType = to
			rounded = append(rounded, info)
		}
	}
	return checkpoint.Override(m.Weights, rounded, c.param)
}
