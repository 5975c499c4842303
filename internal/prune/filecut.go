package prune

import (
	"fmt"

	"moreau/internal/model"
)

// cutEntry is a cut in plan.json.
type cutEntry struct {
	Budget budgetEntry  `json:"budget"`
	Layers []layerEntry `json:"layers"`
}

// budgetEntry is the budget that the cut was made for.
type budgetEntry struct {
	Ratio      float64   `json:"ratio,omitempty"`
	LayerRatio float64   `json:"layer_ratio,omitempty"`
	Params     int64     `json:"params,omitempty"`
	Dropped    int64     `json:"dropped_params,omitempty"`
	Uniform    bool      `json:"uniform,omitempty"`
	Align      int       `json:"align,omitempty"`
	Selection  Selection `json:"selection"`
	Layers     string    `json:"layers"`
	Kinds      []string  `json:"kinds"`
	Shares     []float64 `json:"shares,omitempty"`
}

// layerEntry is a layer before and after, and the units that go, ascending.
type layerEntry struct {
	KVHeads      [2]int `json:"kv_heads"`
	Heads        [2]int `json:"heads"`
	Intermediate [2]int `json:"intermediate_size"`
	PrunedHeads  []int  `json:"pruned_heads"`                 // KV groups
	PrunedQuery  []int  `json:"pruned_query_heads,omitempty"` // query heads that go alone
	PrunedMLP    []int  `json:"pruned_mlp"`                   // channels
}

func newCutEntry(p *Plan) *cutEntry {
	b := p.Budget
	e := &cutEntry{Budget: budgetEntry{b.Ratio, b.LayerRatio, b.Params, b.Dropped, b.Uniform, b.Align, b.Selection, b.Layers.String(), []string{}, b.Shares}}
	for _, k := range b.Kinds {
		e.Budget.Kinds = append(e.Budget.Kinds, k.String())
	}
	for l, before := range p.Before.Layers {
		entry := sizesEntry(before, p.After.Layers[l])
		for kind, units := range entry.units() {
			*units = p.Pruned[p.Before.Dim(l, kind)]
		}
		entry.PrunedHeads, entry.PrunedMLP = listed(entry.PrunedHeads), listed(entry.PrunedMLP)
		e.Layers = append(e.Layers, entry)
	}
	return e
}

func sizesEntry(before, after model.Layer) layerEntry {
	return layerEntry{KVHeads: [2]int{before.KVHeads, after.KVHeads}, Heads: [2]int{before.Heads, after.Heads},
		Intermediate: [2]int{before.Intermediate, after.Intermediate}}
}

// units is where the units of each kind stand.
func (e *layerEntry) units() map[model.Kind]*[]int {
	return map[model.Kind]*[]int{model.Heads: &e.PrunedHeads, model.QueryHeads: &e.PrunedQuery, model.MLP: &e.PrunedMLP}
}

// listed writes an empty list rather than null.
func listed(units []int) []int { return append([]int{}, units...) }

// plan is the cut for a model of configuration c, which must have the sizes that the
// entry says it had.
func (e *cutEntry) plan(c *model.Config) (*Plan, error) {
	if len(e.Layers) != len(c.Layers) {
		return nil, fmt.Errorf("a plan of another model: %d layers, the model has %d", len(e.Layers), len(c.Layers))
	}
	p := &Plan{Before: c, Pruned: Cut{}}
	for l := range e.Layers {
		for kind, units := range e.Layers[l].units() {
			if len(*units) > 0 {
				p.Pruned[c.Dim(l, kind)] = *units
			}
		}
	}
	var err error
	if p.Budget, err = e.Budget.budget(c); err != nil {
		return nil, err
	}
	if err := e.sameSizes(c, 0); err != nil {
		return nil, err
	}
	estimate, err := p.Pruned.Estimate(c)
	if err != nil {
		return nil, err
	}
	p.After = estimate.After
	return p, e.sameSizes(p.After, 1)
}

// sameSizes compares the sizes before (0) or after (1) the cut with those of c.
func (e *cutEntry) sameSizes(c *model.Config, when int) error {
	for l, layer := range c.Layers {
		said := e.Layers[l]
		if said.KVHeads[when] != layer.KVHeads || said.Heads[when] != layer.Heads || said.Intermediate[when] != layer.Intermediate {
			return fmt.Errorf("a plan of another model: layer %d has %d query heads, %d KV heads and %d channels %s, in the plan %d, %d and %d", l,
				layer.Heads, layer.KVHeads, layer.Intermediate, [...]string{"before the cut", "after it"}[when], said.Heads[when], said.KVHeads[when], said.Intermediate[when])
		}
	}
	return nil
}

// budget is e with the layers and kinds that it names.
func (e budgetEntry) budget(c *model.Config) (b Budget, err error) {
	b = Budget{Ratio: e.Ratio, LayerRatio: e.LayerRatio, Params: e.Params, Dropped: e.Dropped, Uniform: e.Uniform, Align: e.Align, Selection: e.Selection, Shares: e.Shares}
	if b.Layers, err = c.ParseRange(e.Layers); err != nil {
		return b, fmt.Errorf("budget: %w", err)
	}
	known := map[string]model.Kind{}
	for _, k := range []model.Kind{model.Heads, model.QueryHeads, model.MLP} {
		known[k.String()] = k
	}
	for _, name := range e.Kinds {
		if _, ok := known[name]; !ok {
			return b, fmt.Errorf("budget: units %q are not known", name)
		}
		b.Kinds = append(b.Kinds, known[name])
	}
	return b, nil
}
