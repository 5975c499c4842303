// Package verify proves that a pruned model computes what the dense one does with
// the units that went masked. It needs no record of the cut: it finds the units by
// their weights.
package verify

import (
	"errors"
	"fmt"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

// ErrDifferent is in the errors about models that cannot be a dense and a pruned one.
var ErrDifferent = errors.New("these do not belong together")

// Model is one of the two.
type Model struct {
	Config  *model.Config
	Weights checkpoint.Checkpoint
}

// Match is which units of the dense model those of the pruned one are.
type Match struct {
	Kept  map[model.Dim][]int // query heads and channels, by dimension of the dense model, ascending
	Worst float64             // relative L2 distance of the two least alike
}

// FindUnits matches each KV group by its rows of v_proj and each channel by its row of
// gate_proj to the nearest of the dense model; where a layer has fewer query heads a KV
// head, each of them by its rows of q_proj.
func FindUnits(be backend.Backend, dense, pruned Model) (*Match, error) {
	if err := related(dense.Config, pruned.Config); err != nil {
		return nil, err
	}
	dense.Config, pruned.Config = dense.Config.ByQueryHead(), pruned.Config.ByQueryHead()
	m := &Match{Kept: map[model.Dim][]int{}}
	for l := range dense.Config.Layers {
		find := func(role model.Role) ([]int, error) {
			return m.units(be, dense, pruned, param(dense.Config, l, role), param(pruned.Config, l, role))
		}
		heads, channels := dense.Config.Dim(l, model.QueryHeads), dense.Config.Dim(l, model.MLP)
		var err error
		if m.Kept[heads], err = queryHeads(heads, dense.Config.Layers[l], pruned.Config.Layers[l], find); err != nil {
			return nil, err
		}
		if m.Kept[channels], err = find(model.Gate); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// queryHeads are the query heads of the dense layer that the pruned one has: all of the
// KV groups that are there, or those found, which must stand by the same KV heads.
func queryHeads(dim model.Dim, dense, pruned model.Layer, find func(model.Role) ([]int, error)) (heads []int, err error) {
	groups, err := find(model.V)
	if err != nil {
		return nil, err
	}
	if dense.Group() == pruned.Group() {
		for _, u := range groups {
			for i := range dense.Group() {
				heads = append(heads, u*dense.Group()+i)
			}
		}
		return heads, nil
	}
	if heads, err = find(model.Q); err != nil {
		return nil, err
	}
	for i, h := range heads {
		if own := groups[i/pruned.Group()]; h/dense.Group() != own {
			return nil, fmt.Errorf("%w: unit %d of %s of the pruned model is %d of the dense one, which does not read KV head %d", ErrDifferent, i, dim, h, own)
		}
	}
	return heads, nil
}

// param is a layer's parameter of that role; the two models may be of families that
// list them differently.
func param(c *model.Config, layer int, role model.Role) model.Param {
	params := c.LayerParams(layer)
	return params[slices.IndexFunc(params, func(p model.Param) bool { return p.Role == role })]
}

// related checks what a cut leaves as it is.
func related(dense, pruned *model.Config) error {
	if len(dense.Layers) != len(pruned.Layers) {
		return notPart()
	}
	for l, d := range dense.Layers {
		if !holds(d, pruned.Layers[l]) {
			return notPart()
		}
	}
	return sameWidths(dense, pruned)
}
