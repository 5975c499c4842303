package model

import (
	"slices"
	"testing"
)

// What is fused in a Phi-3's files: names and rows as Phi3Attention and Phi3MLP of transformers have them.
func TestStored(t *testing.T) {
	cfg, err := FromHF([]byte(`{"model_type": "phi3", "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	stored := cfg.Stored()
	if len(stored) != 3+2*6 || len(cfg.unfused(cfg.Family)) != len(cfg.Params()) {
		t.Errorf("%d tensors, %d of single parameters", len(stored), len(cfg.unfused(cfg.Family)))
	}
	for _, want := range []struct {
		name, gguf string
		roles      []Role
		shape      []int
	}{
		{"model.layers.1.self_attn.qkv_proj.weight", "blk.1.attn_qkv.weight", []Role{Q, K, V}, []int{16 + 8 + 8, 16}},
		{"model.layers.1.mlp.gate_up_proj.weight", "blk.1.ffn_up.weight", []Role{Gate, Up}, []int{6 + 6, 16}},
		{"model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight", []Role{Down}, []int{16, 6}},
	} {
		i := slices.IndexFunc(stored, func(s Stored) bool { return s.Name == want.name })
		if i < 0 {
			t.Fatalf("no tensor %s", want.name)
		}
		var roles []Role
		for _, p := range stored[i].Params {
			roles = append(roles, p.Role)
		}
		if s := stored[i]; s.GGUF != want.gguf || !slices.Equal(roles, want.roles) || !slices.Equal(s.Shape(), want.shape) {
			t.Errorf("%s is %s of shape %v and holds roles %v", want.name, s.GGUF, s.Shape(), roles)
		}
	}
}

// The parameters of a fusion stand together in every family's table, in its order.
func TestFusionsFollowTheTable(t *testing.T) {
	for _, f := range Families {
		var roles []Role
		for _, y := range f.layer {
			roles = append(roles, y.role)
		}
		for _, u := range f.fused {
			at := slices.Index(roles, u.roles[0])
			if at < 0 || at+len(u.roles) > len(roles) || !slices.Equal(roles[at:at+len(u.roles)], u.roles) {
				t.Errorf("%s: the roles of %s are not together", f.Name, u.hf)
			}
		}
	}
}
