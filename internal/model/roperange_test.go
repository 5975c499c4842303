package model

import (
	"fmt"
	"strings"
	"testing"
)

// What is out of range in a scaling of RoPE is named by its key of config.json.
func TestScalingsOutOfRange(t *testing.T) {
	const long = `"rope_type": "longrope", "original_max_position_embeddings": 32, `
	for scaling, want := range map[string]string{
		`"rope_type": "linear", "factor": 0.5`:                                                                            "factor is 0.5, want 1 or more",
		`"rope_type": "linear", "factor": -1`:                                                                             "factor is -1, want 1 or more",
		`"rope_type": "dynamic", "factor": 0.5`:                                                                           "factor is 0.5, want 1 or more",
		`"rope_type": "llama3", "factor": 2, "original_max_position_embeddings": -1`:                                      "original_max_position_embeddings is -1, want more than 0",
		`"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 32, "high_freq_factor": 4`:               "low_freq_factor is 0, want more than 0",
		`"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 32, "low_freq_factor": 4`:                "high_freq_factor is 0, want more than low_freq_factor, which is 4",
		`"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 1e30`:                                      "original_max_position_embeddings is 1e+30, want more than 0",
		`"rope_type": "yarn", "factor": 2, "rope_theta": 1`:                                                               "rope_theta is 1, want more than 1",
		`"rope_type": "yarn", "factor": 2, "beta_fast": 1, "beta_slow": 2`:                                                "beta_fast is 1 and beta_slow 2",
		`"rope_type": "yarn", "factor": 2, "attention_factor": -1`:                                                        "attention_factor, given or by mscale, is -1",
		long + `"short_factor": [1], "long_factor": [1, 2]`:                                                               "short_factor has 1 numbers, want 2",
		long + `"short_factor": [1, 1], "long_factor": [1, -2]`:                                                           "long_factor has -2, want numbers above 0",
		`"rope_type": "longrope", "short_factor": [1, 1], "long_factor": [1, 2], "original_max_position_embeddings": 1.5`: "original_max_position_embeddings is 1.5, want 2 to",
	} {
		_, err := FromHF(fmt.Appendf(nil, `{"model_type": "llama", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 1,
			"num_attention_heads": 4, "max_position_embeddings": 64, "rope_parameters": {%s}}`, scaling))
		if err == nil || !strings.Contains(err.Error(), "values out of range: "+want) {
			t.Errorf("%s: %v, want %q", scaling, err, want)
		}
	}
}

// A file's own factors divide, so that none is 0.
func TestFactorsOutOfRange(t *testing.T) {
	r := Rope{Theta: 10000, Scaling: &RopeScaling{Type: "factors", Factors: []float64{1, 0}}}
	if err := r.validate(4); err == nil || !strings.Contains(err.Error(), "has 0, want numbers above 0") {
		t.Error(err)
	}
	if err := r.validate(6); err == nil || !strings.Contains(err.Error(), "has 2 numbers, want 3") {
		t.Error(err)
	}
}

// A factor of Granite's that float32 has no place for would be no factor.
func TestGraniteFactorsTooSmall(t *testing.T) {
	_, err := FromHF([]byte(`{"model_type": "granite", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 1,
		"num_attention_heads": 4, "residual_multiplier": 1e-300}`))
	if err == nil || !strings.Contains(err.Error(), "residual_multiplier is 1e-300, want more than 0") {
		t.Error(err)
	}
}
