package verify

import (
	"math"

	"moreau/internal/backend"
)

// Embedding is the largest distance of two rows of the embeddings of a token, as a
// share of the root mean square length of the dense model's rows. A batch reads few of
// them, and no cut changes any.
func Embedding(be backend.Backend, dense, pruned Model) (apart float64, err error) {
	tokens := dense.Config.VocabSize
	err = both(be, dense, pruned, dense.Config.Params()[0], pruned.Config.Params()[0], func(d, p backend.Buffer) error {
		off := be.New(d.Len())
		defer be.Free(off)
		be.Copy(off, d)
		be.Axpby(off, -1, p, 1)
		var length, most float64
		for _, s := range squares(be, d, tokens) {
			length += s / float64(tokens)
		}
		for _, s := range squares(be, off, tokens) {
			most = math.Max(most, s) // NaN stays
		}
		apart = math.Sqrt(most / length)
		return nil
	})
	return apart, err
}
