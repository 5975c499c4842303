package verify

import (
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/transformer"
)

// Embedding is the largest distance of two rows of the embeddings of a token, as a
// share of the root mean square length of the dense model's rows. A batch reads few of
// them, and no cut changes any.
func Embedding(be backend.Backend, dense, pruned Model) (float64, error) {
	p, q := dense.Config.Params()[0], pruned.Config.Params()[0]
	d, err := transformer.NewStored(be, dense.Weights).Weight(p)
	if err != nil {
		return 0, fmt.Errorf("the dense model: %w", err)
	}
	defer be.Free(d)
	e, err := transformer.NewStored(be, pruned.Weights).Weight(q)
	if err != nil {
		return 0, fmt.Errorf("the pruned model: %w", err)
	}
	defer be.Free(e)
	var length, most float64
	for _, s := range squares(be, d, dense.Config.VocabSize) {
		length += s / float64(dense.Config.VocabSize)
	}
	be.Axpby(e, -1, d, 1)
	for _, s := range squares(be, e, dense.Config.VocabSize) {
		most = math.Max(most, s) // NaN stays
	}
	return math.Sqrt(most / length), nil
}
