package model

import (
	"strings"
	"testing"
)

func TestFeaturesOfModels(t *testing.T) {
	const sizes = `"vocab_size": 8, "hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1`
	for _, c := range []struct {
		more string
		want Features
	}{
		{`"model_type": "llama", "tie_word_embeddings": true`, 0},
		{`"model_type": "llama", "attention_bias": true`, FeaturesOf(OwnHead, QKVBiases, OBiases)},
		{`"model_type": "qwen2", "rope_scaling": {"type": "linear", "factor": 2}`, FeaturesOf(OwnHead, QKVBiases, LinearRope)},
		{`"model_type": "qwen3"`, FeaturesOf(OwnHead, HeadNorms)},
		{`"model_type": "mistral", "sliding_window": 7`, FeaturesOf(OwnHead, Windows)},
		{`"model_type": "phi3"`, FeaturesOf(OwnHead, FusedTensors)},
		{`"model_type": "gemma2", "query_pre_attn_scalar": 8`, FeaturesOf(PostNorms, GELUGates, OffsetNorms, ScaledEmbedding, ScaledScores, CappedScores, CappedLogits, Windows, MixedWindows)},
	} {
		cfg, err := FromHF([]byte("{" + sizes + "," + c.more + "}"))
		if err != nil {
			t.Errorf("%s: %v", c.more, err)
			continue
		}
		if got := cfg.Features(); got != c.want {
			t.Errorf("%s: the model has %s, want %s", c.more, got, c.want)
		}
	}
}

func TestFeaturesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range AllFeatures().List() {
		if f.String() == "" || seen[f.String()] {
			t.Errorf("feature %d is called %q", f, f)
		}
		seen[f.String()] = true
	}
}

func TestPartOfAHeadTurnsInPhi3Alone(t *testing.T) {
	for _, c := range []struct{ family, more, want string }{
		{"llama", `"partial_rotary_factor": 0.75`, "partial_rotary_factor 0.75 is not supported for llama"},
		{"qwen3", `"rope_parameters": {"partial_rotary_factor": 0.5}`, "partial_rotary_factor 0.5 is not supported for qwen3"},
		{"phi3", `"partial_rotary_factor": 0.75`, ""},
	} {
		_, err := FromHF([]byte(`{"model_type": "` + c.family + `", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 1,
			"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, ` + c.more + `}`))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %s: %v, want %q", c.family, c.more, err, c.want)
		}
	}
}
