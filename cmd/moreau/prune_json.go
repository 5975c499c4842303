package main

import (
	"moreau/internal/job"
	"moreau/internal/prune"
)

// pruneJSON is the JSON output of moreau prune.
type pruneJSON struct {
	Plan        planJSON       `json:"plan"`
	Before      []job.Measured `json:"perplexity_before,omitempty"`
	Cut         []job.Measured `json:"perplexity_before_refit,omitempty"`
	Refitted    []job.Measured `json:"perplexity_before_tuning,omitempty"`
	After       []job.Measured `json:"perplexity_after,omitempty"`
	Output      string         `json:"output_path"`
	WeightBytes int64          `json:"weight_bytes_before"`
}

// planJSON is a plan; the JSON output of a dry run.
type planJSON struct {
	Model        string          `json:"model"`
	ParamsBefore int64           `json:"params_before"`
	ParamsAfter  int64           `json:"params_after"`
	KVBefore     int64           `json:"kv_cache_bytes_per_token_before"`
	KVAfter      int64           `json:"kv_cache_bytes_per_token_after"`
	BytesBefore  int64           `json:"bytes_before"` // of the files that hold weights; of those at 16 bits where there are none
	BytesAfter   int64           `json:"bytes_after"`
	Dropped      []int           `json:"dropped_layers,omitempty"`
	CutLayers    string          `json:"cut_layers"`
	Protected    []string        `json:"protected_layers"`
	Selection    prune.Selection `json:"selection"`
	Costs        map[int]float64 `json:"layer_divergences,omitempty"` // by layer, in nats a token
	Uniform      bool            `json:"uniform"`
	Layers       []layerCut      `json:"layers"`
	Scoring      string          `json:"scoring"`
	Refit        *job.RefitPlan  `json:"refit,omitempty"`
	Tune         *job.TunePlan   `json:"tune,omitempty"`
	Self         *selfJSON       `json:"self,omitempty"`
	RAMBytes     int64           `json:"estimated_ram_bytes,omitempty"`
	Seconds      []float64       `json:"estimated_seconds,omitempty"` // least and most
	Output       string          `json:"output,omitempty"`
	Warnings     []string        `json:"warnings,omitempty"`
	OutputBytes  int64           `json:"output_bytes,omitempty"`
}

// selfJSON is what the model is to write for calibration.
type selfJSON struct {
	Rows    int       `json:"rows"`
	SeqLen  int       `json:"seq_len"`
	Seconds []float64 `json:"estimated_seconds"` // least and most
}

// layerCut is one layer's sizes, before and after.
type layerCut struct {
	Heads        [2]int `json:"heads"`
	KVHeads      [2]int `json:"kv_heads"`
	Intermediate [2]int `json:"intermediate_size"`
}

func newPlanJSON(p job.PrunePlan) planJSON {
	before, after, b := p.Before, p.After, p.Cut.Budget
	s := planJSON{Model: p.Model, ParamsBefore: before.ParamCount(), ParamsAfter: after.ParamCount(), KVBefore: before.KVBytes(), KVAfter: after.KVBytes(),
		BytesBefore: p.BytesBefore, BytesAfter: p.BytesAfter, Dropped: p.Dropped(), Protected: []string{},
		Selection: b.Selection, Costs: p.Costs, Uniform: b.Uniform, Layers: cutSizes(p), Scoring: p.ScoresInWords(), Refit: p.Refit, Tune: p.Tune, RAMBytes: p.RAM, Warnings: p.Warnings}
	if p.Chosen != nil && !p.Decided {
		s.Dropped, s.Layers = nil, nil
	}
	if p.Cut.Removed() > 0 || p.Chosen != nil {
		layers, protected := p.CutLayers()
		s.CutLayers, s.Protected = layers.String(), spanList(protected)
	}
	if p.Seconds != (job.Seconds{}) {
		s.Seconds = []float64{p.Seconds.Least, p.Seconds.Most}
	}
	if p.Self != nil {
		s.Self = &selfJSON{p.Self.Rows, p.Self.SeqLen, []float64{p.Self.Seconds.Least, p.Self.Seconds.Most}}
	}
	if p.Out != nil {
		s.Output, s.OutputBytes = p.Out.String(), p.Out.Bytes
	}
	return s
}

// gone says that the layer is dropped.
func (l layerCut) gone() bool { return l.Heads[1] == 0 }

func cutSizes(p job.PrunePlan) []layerCut {
	var sizes []layerCut
	for _, c := range p.Layers() {
		b, a := c.Before, c.After
		sizes = append(sizes, layerCut{[2]int{b.Heads, a.Heads}, [2]int{b.KVHeads, a.KVHeads}, [2]int{b.Intermediate, a.Intermediate}})
	}
	return sizes
}
