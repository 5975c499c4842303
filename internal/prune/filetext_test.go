package prune

import (
	"testing"

	"moreau/internal/model"
	"moreau/internal/stage"
)

// The text of plan.json, as docs/formats/plan.md has it: other programs read it.
func TestPlanText(t *testing.T) {
	layer := model.Layer{Heads: 4, KVHeads: 2, Intermediate: 4}
	cfg := config(t, "smollm2-135m").WithLayers([]model.Layer{layer, layer, layer})
	drop := Drop{1}
	e, err := drop.Estimate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := Budget{LayerRatio: 0.5, Layers: model.Range{First: 1, Last: 1}, Kinds: e.After.Kinds(), Selection: Local, Align: 2, Uniform: true, Dropped: 9}
	p, err := NewPlan(e.After, map[model.Dim][]float64{e.After.Dim(1, model.Heads): {2, 1}, e.After.Dim(1, model.MLP): {1, 4, 3, 2}}, b)
	if err != nil {
		t.Fatal(err)
	}
	r := Record{Program: "moreau 1", Command: "moreau prune m", Model: "m", Weights: "ab", Scores: "by hand", Seed: 7, Before: cfg, After: p.After, Stages: stage.Sequence{drop, p},
		Refit: &Refit{Calibration: "c4", IDs: true, Rows: 8, SeqLen: 16, BOS: true, Seed: 3, SHA256: "cd", Damping: 0.5}}
	got, err := r.Encode()
	const want = `{"format":"moreau-plan","version":3,"program":"moreau 1","command":"moreau prune m","model":"m","weights_sha256":"ab","scores":"by hand","seed":7,` +
		`"params_before":29663424,"params_after":28988352,"stages":[{"drop_layers":[1]},` +
		`{"refit":{"calibration":"c4","ids":true,"rows":8,"seq_len":16,"bos":true,"seed":3,"ids_sha256":"cd","damping":0.5}},` +
		`{"cut":{"budget":{"layer_ratio":0.5,"dropped_params":9,"uniform":true,"align":2,"selection":"local","layers":"1..1","kinds":["heads","mlp"]},` +
		`"layers":[{"kv_heads":[2,2],"heads":[4,4],"intermediate_size":[4,4],"pruned_heads":[],"pruned_mlp":[]},` +
		`{"kv_heads":[2,1],"heads":[4,2],"intermediate_size":[4,2],"pruned_heads":[1],"pruned_mlp":[0,3]}]}}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
}
