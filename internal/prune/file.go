package prune

import (
	"encoding/json"

	"moreau/internal/model"
)

// file is plan.json (docs/formats/plan.md).
type file struct {
	Format       string       `json:"format"`
	Version      int          `json:"version"`
	Budget       Budget       `json:"budget"`
	Layers       string       `json:"budget_layers"`
	Kinds        []string     `json:"budget_kinds"`
	ParamsBefore int64        `json:"params_before"`
	ParamsAfter  int64        `json:"params_after"`
	LayerPlans   []layerEntry `json:"layers"`
}

type layerEntry struct {
	KVHeads      [2]int `json:"kv_heads"` // before, after
	Heads        [2]int `json:"heads"`
	Intermediate [2]int `json:"intermediate_size"`
	PrunedHeads  []int  `json:"pruned_heads"`                 // KV groups, ascending
	PrunedQuery  []int  `json:"pruned_query_heads,omitempty"` // query heads that went alone, ascending
	PrunedMLP    []int  `json:"pruned_mlp"`                   // channels, ascending
}

const formatName = "moreau-plan"

// Encode is plan.json: sizes before and after, and the units that go, layer by layer.
func (p *Plan) Encode() ([]byte, error) {
	f := file{Format: formatName, Version: 1, Budget: p.Budget, Layers: p.Budget.Layers.String(),
		ParamsBefore: p.Before.ParamCount(), ParamsAfter: p.After.ParamCount()}
	for _, k := range p.Budget.Kinds {
		f.Kinds = append(f.Kinds, k.String())
	}
	for l, b := range p.Before.Layers {
		a := p.After.Layers[l]
		f.LayerPlans = append(f.LayerPlans, layerEntry{
			KVHeads: [2]int{b.KVHeads, a.KVHeads}, Heads: [2]int{b.Heads, a.Heads}, Intermediate: [2]int{b.Intermediate, a.Intermediate},
			PrunedHeads: none(p.Pruned[p.Before.Dim(l, model.Heads)]), PrunedQuery: p.Pruned[p.Before.Dim(l, model.QueryHeads)], PrunedMLP: none(p.Pruned[p.Before.Dim(l, model.MLP)])})
	}
	return json.Marshal(f)
}

// none writes an empty list rather than null.
func none(units []int) []int {
	if units == nil {
		return []int{}
	}
	return units
}
