package model

import "testing"

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
