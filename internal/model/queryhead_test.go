package model

import (
	"fmt"
	"testing"
)

// A query head takes its rows of q and their biases and its columns of o; k, v and the
// norms stay, and so does the size of everything else.
func TestQueryHeadUnits(t *testing.T) {
	const sizes = `{"model_type": %q, "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2, "head_dim": 4,
		"num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 64, "attention_bias": %t}`
	for _, c := range []struct {
		modelType string
		biases    bool
		want      int64
	}{{"llama", false, 2 * 4 * 16}, {"llama", true, 2*4*16 + 4}, {"qwen2", false, 2*4*16 + 4}, {"qwen3", false, 2 * 4 * 16}} {
		groups, err := FromHF(fmt.Appendf(nil, sizes, c.modelType, c.biases))
		if err != nil {
			t.Fatal(err)
		}
		cfg := groups.ByQueryHead()
		d := cfg.Dim(1, QueryHeads)
		if n := cfg.UnitParams(d); n != c.want {
			t.Errorf("%s (biases: %t): a query head of %d scalars, want %d", c.modelType, c.biases, n, c.want)
		}
		if d.Units != 6 || d.Groups != 2 || d.String() != "layers.1.query_heads" {
			t.Errorf("%s: %d units in %d groups, want 6 in 2", d, d.Units, d.Groups)
		}
		after := cfg.Cut(map[Dim]int{d: 4})
		if gone := cfg.ParamCount() - after.ParamCount(); gone != 2*c.want {
			t.Errorf("%s: cutting a query head of both groups removes %d scalars, want %d", c.modelType, gone, 2*c.want)
		}
		if l := after.Layers[1]; l.Heads != 4 || l.KVHeads != 2 || after.Layers[0] != cfg.Layers[0] {
			t.Errorf("%s: %+v is left, want 4 query heads and 2 KV heads", c.modelType, after.Layers)
		}
		sameParams(t, groups, cfg)
		if len(groups.Dims()) != 4 || len(cfg.Dims()) != 4 {
			t.Errorf("%d and %d prunable dimensions, want two a layer", len(groups.Dims()), len(cfg.Dims()))
		}
	}
}

// sameParams checks that the choice of units changes no parameter's name, shape or
// place among the projections, and which are prunable as it should.
func sameParams(t *testing.T, groups, queryHeads *Config) {
	t.Helper()
	a, b := groups.Params(), queryHeads.Params()
	if len(a) != len(b) {
		t.Fatalf("%d parameters by query heads, %d by KV groups", len(b), len(a))
	}
	for i := range a {
		if a[i].Name != b[i].Name || fmt.Sprint(a[i].Shape()) != fmt.Sprint(b[i].Shape()) || a[i].Projection() != b[i].Projection() {
			t.Errorf("%s %v by KV groups, %s %v by query heads", a[i].Name, a[i].Shape(), b[i].Name, b[i].Shape())
		}
		if a[i].Projection() != a[i].Prunable() {
			t.Errorf("%s: by KV groups every projection is prunable, and nothing else", a[i].Name)
		}
		if kv := a[i].Role == K || a[i].Role == V; b[i].Prunable() != (a[i].Prunable() && !kv) {
			t.Errorf("%s: prunable by query heads: %t", b[i].Name, b[i].Prunable())
		}
	}
}
