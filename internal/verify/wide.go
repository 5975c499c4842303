package verify

import (
	"context"
	"slices"

	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// HeadsAreCut says whether heads went under a norm that runs over all heads of q or k. What is
// left then is not the dense model with these masked, since the norm is over those that are left.
func (m *Match) HeadsAreCut(dense *model.Config) bool {
	if dense.HeadsCutAreMasked() {
		return false
	}
	for l := range dense.Layers {
		if d := dense.Dim(l, model.QueryHeads); len(m.Kept[d]) < d.Units {
			return true
		}
	}
	return false
}

// reference is what the pruned model must compute as: the dense model, and the units of it that
// are not masked. Where heads are cut it is without them.
func reference(ctx context.Context, dense Model, m *Match) (Model, *Match, error) {
	if !m.HeadsAreCut(dense.Config) {
		return dense, m, nil
	}
	s := stage.Model{Config: dense.Config, Weights: dense.Weights}
	for _, cut := range []func(*model.Config, *Match) prune.Cut{goneGroups, goneHeads} {
		var err error
		if s, err = cut(s.Config, m).Run(ctx, s); err != nil {
			return dense, m, err
		}
	}
	return Model{s.Config, s.Weights}, &Match{Kept: m.channels(s.Config), Worst: m.Worst}, nil
}

// goneGroups are the KV groups of c, the dense model, of which nothing is left.
func goneGroups(c *model.Config, m *Match) prune.Cut {
	cut := prune.Cut{}
	for l, layer := range c.Layers {
		kept := m.Kept[c.Dim(l, model.QueryHeads)]
		for u := range layer.KVHeads {
			if !slices.ContainsFunc(kept, func(head int) bool { return head/layer.Group() == u }) {
				cut[c.Dim(l, model.Heads)] = append(cut[c.Dim(l, model.Heads)], u)
			}
		}
	}
	return cut
}

// goneHeads are the query heads that went of the KV groups that c, the dense model without
// the others, has left.
func goneHeads(c *model.Config, m *Match) prune.Cut {
	cut := prune.Cut{}
	for d, kept := range m.Kept {
		if d.Kind != model.QueryHeads {
			continue
		}
		left, group := c.Dim(d.Layer, model.QueryHeads), d.Units/d.Groups
		seen := map[int]int{} // KV groups that are left, in their order
		for _, head := range kept {
			if _, ok := seen[head/group]; !ok {
				seen[head/group] = len(seen)
			}
		}
		stays := make([]bool, left.Units)
		for _, head := range kept {
			stays[seen[head/group]*group+head%group] = true
		}
		for u, stay := range stays {
			if !stay {
				cut[left] = append(cut[left], u)
			}
		}
	}
	return cut
}

// channels are the units of c, of whose heads none is masked.
func (m *Match) channels(c *model.Config) map[model.Dim][]int {
	kept := map[model.Dim][]int{}
	for _, d := range c.ByQueryHead().Dims() {
		if d.Kind == model.MLP {
			kept[d] = m.Kept[d]
			continue
		}
		for u := range d.Units {
			kept[d] = append(kept[d], u)
		}
	}
	return kept
}
