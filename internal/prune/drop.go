package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
)

// ErrLayers marks layers that cannot be dropped.
var ErrLayers = errors.New("layers to drop")

// Drop is the layers that go as a whole, ascending: a stage. Those that stay are
// numbered anew.
type Drop []int

// NewDrop picks whole layers for a budget, those with the lowest score a parameter first, ties by lower index, until
// the budget's parameters are gone. Without scores only their number means anything: the first are named.
func NewDrop(cfg *model.Config, scores map[model.Dim][]float64, b Budget) (Drop, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	target := b.target(cfg)
	if target <= 0 {
		return nil, b.reached(cfg)
	}
	dims, cut := b.candidates(cfg, model.Whole), counts{}
	for _, d := range dims {
		cut[d] = 1
	}
	if scores == nil {
		scores = flat(cut)
	} else if err := covered(cut, scores); err != nil {
		return nil, err
	}
	price := func(d model.Dim) float64 { return scores[d][0] / float64(cfg.UnitParams(d)) }
	slices.SortStableFunc(dims, func(x, y model.Dim) int { return cmp.Compare(price(x), price(y)) })
	var gone Drop
	left := target
	for _, d := range dims {
		if left > 0 {
			gone, left = append(gone, d.Layer), left-cfg.UnitParams(d)
		}
	}
	if left > 0 || len(gone) == len(cfg.Layers) {
		return nil, fmt.Errorf("%w: ratio %.4g cannot be reached by whole layers of %s, which are %.4g of the parameters; one layer stays; lower --ratio or widen --layers",
			ErrBudget, b.share(target, cfg), b.Layers, b.share(params(cfg, dims), cfg))
	}
	slices.Sort(gone)
	return gone, nil
}

// Estimate implements stage.Stage.
func (d Drop) Estimate(c *model.Config) (stage.Estimate, error) {
	for i, l := range d {
		switch {
		case l < 0 || l >= len(c.Layers):
			return stage.Estimate{}, fmt.Errorf("%w: there is no layer %d, the model has 0..%d", ErrLayers, l, len(c.Layers)-1)
		case i > 0 && l <= d[i-1]:
			return stage.Estimate{}, fmt.Errorf("%w: %d stands behind %d, want them ascending, each once", ErrLayers, l, d[i-1])
		}
	}
	if len(d) == len(c.Layers) {
		return stage.Estimate{}, fmt.Errorf("%w: all %d; at least one stays", ErrLayers, len(d))
	}
	return stage.Estimate{After: c.KeepLayers(d.Kept(len(c.Layers)))}, nil
}

// Kept are the layers that stay, ascending, of a model with so many.
func (d Drop) Kept(layers int) []int { return rest(layers, d) }

// Within is r, of a model with so many layers, in the numbers of those that stay; false
// where none of them does.
func (d Drop) Within(r model.Range, layers int) (model.Range, bool) {
	kept := d.Kept(layers)
	first, _ := slices.BinarySearch(kept, r.First)
	last, there := slices.BinarySearch(kept, r.Last)
	if !there {
		last--
	}
	return model.Range{First: first, Last: last}, first <= last
}

// Run implements stage.Stage: a view of the tensors of the layers that stay, under
// their new names.
func (d Drop) Run(_ context.Context, m stage.Model) (stage.Model, error) {
	e, err := d.Estimate(m.Config)
	if err != nil {
		return m, err
	}
	kept := d.Kept(len(m.Config.Layers))
	names := map[string]checkpoint.Entry{}
	for _, p := range e.After.Params() {
		names[p.Name] = checkpoint.Entry{Name: p.Name}
	}
	for i, l := range kept {
		old := m.Config.LayerParams(l)
		for j, p := range e.After.LayerParams(i) {
			names[p.Name] = checkpoint.Entry{Name: old[j].Name}
		}
	}
	weights, err := checkpoint.Rename(m.Weights, names)
	return stage.Model{Config: e.After, Raw: model.KeepRawLayers(m.Raw, kept), Weights: weights}, err
}

// After gives scores by dimensions of c those of the model without the dropped layers.
func (d Drop) After(c *model.Config, scores map[model.Dim][]float64) map[model.Dim][]float64 {
	return d.renumbered(c, scores, func(dense, left model.Dim) (from, to model.Dim) { return dense, left })
}

// Before is the inverse of After; dropped layers have no scores.
func (d Drop) Before(c *model.Config, scores map[model.Dim][]float64) map[model.Dim][]float64 {
	return d.renumbered(c, scores, func(dense, left model.Dim) (from, to model.Dim) { return left, dense })
}

func (d Drop) renumbered(c *model.Config, scores map[model.Dim][]float64, way func(dense, left model.Dim) (from, to model.Dim)) map[model.Dim][]float64 {
	kept, out := d.Kept(len(c.Layers)), map[model.Dim][]float64{}
	left := c.KeepLayers(kept)
	for i, l := range kept {
		for _, kind := range append(c.Kinds(), model.Whole) {
			from, to := way(c.Dim(l, kind), left.Dim(i, kind))
			if s, ok := scores[from]; ok {
				out[to] = s
			}
		}
	}
	return out
}

// rest is the numbers below n that are not in gone.
func rest(n int, gone []int) []int {
	left := make([]int, 0, max(0, n-len(gone)))
	for i := range n {
		if len(gone) > 0 && gone[0] == i {
			gone = gone[1:]
			continue
		}
		left = append(left, i)
	}
	return left
}
