package verify

import (
	"context"
	"errors"
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// SameLayers is the dense model with no more layers than the pruned one has, and which
// of its layers these are, ascending. They are found in order, by the rows of v_proj: the
// first dense layer that has all those of a pruned one counts.
func SameLayers(ctx context.Context, be backend.Backend, dense, pruned Model) (Model, []int, error) {
	if err := sameWidths(dense.Config, pruned.Config); err != nil {
		return dense, nil, err
	}
	var kept []int
	var gone prune.Drop
	for l := range dense.Config.Layers {
		more := len(dense.Config.Layers) - len(pruned.Config.Layers) - len(gone) // layers that are to go yet
		stays, err := true, error(nil)
		if more > 0 {
			stays, err = sameLayer(be, dense, pruned, l, len(kept))
		}
		if err != nil {
			return dense, nil, err
		}
		if stays {
			kept = append(kept, l)
		} else {
			gone = append(gone, l)
		}
	}
	m, err := gone.Run(ctx, stage.Model{Config: dense.Config, Weights: dense.Weights})
	return Model{m.Config, m.Weights}, kept, err
}

// BeforeGaps are the layers of the pruned model, which has these of a dense one's, behind which some went.
func BeforeGaps(kept []int, of int) (before []int) {
	for i, l := range kept {
		next := of
		if i+1 < len(kept) {
			next = kept[i+1]
		}
		if next != l+1 {
			before = append(before, i)
		}
	}
	return before
}

// sameLayer says whether layer i of the pruned model, if there is one, is what a cut left
// of layer l of the dense one.
func sameLayer(be backend.Backend, dense, pruned Model, l, i int) (bool, error) {
	if i == len(pruned.Config.Layers) || !holds(dense.Config.Layers[l], pruned.Config.Layers[i]) {
		return false, nil
	}
	_, err := new(Match).units(be, dense, pruned, param(dense.Config, l, model.V), param(pruned.Config, i, model.V))
	if errors.Is(err, ErrDifferent) {
		return false, nil
	}
	return err == nil, err
}

// sameWidths refuses two models of which neither can be a part of the other.
func sameWidths(dense, pruned *model.Config) error {
	if dense.HiddenSize != pruned.HiddenSize || dense.VocabSize != pruned.VocabSize || dense.HeadDim != pruned.HeadDim {
		return notPart()
	}
	return nil
}

// holds says whether a cut of d can leave p.
func holds(d, p model.Layer) bool {
	return d.Group() >= p.Group() && d.KVHeads >= p.KVHeads && d.Intermediate >= p.Intermediate
}

func notPart() error {
	return fmt.Errorf("%w: the pruned model's sizes are no part of the dense one's", ErrDifferent)
}
