package model

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

// What transformers computes of each spelling and type (testdata/rope.py), in float32.
func TestRopeIsThatOfTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/rope.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Config    json.RawMessage
		Length    int
		InvFreq   []float64 `json:"inv_freq"`
		Attention float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		cfg, err := FromHF(c.Config)
		if err != nil {
			t.Fatalf("%s: %v", c.Config, err)
		}
		got := cfg.Rope.InvFreq(cfg.HeadDim, c.Length)
		if len(got) != len(c.InvFreq) {
			t.Fatalf("%s: %d frequencies, want %d", c.Config, len(got), len(c.InvFreq))
		}
		for i, want := range c.InvFreq {
			if d := math.Abs(got[i]-want) / want; !(d <= 2e-6) {
				t.Errorf("%s, %d tokens: frequency %d is %.9g, want %.9g", c.Config, c.Length, i, got[i], want)
			}
		}
		if a := cfg.Rope.Attention(); math.Abs(a-c.Attention) > 1e-12 {
			t.Errorf("%s: attention factor %.12g, want %.12g", c.Config, a, c.Attention)
		}
	}
}

// Values that make no angles are refused, not computed.
func TestRopeOutOfRange(t *testing.T) {
	for _, scaling := range []string{
		`"type": "dynamic", "factor": 0.5`, `"type": "dynamic"`,
		`"type": "yarn", "factor": 0.5`, `"type": "yarn", "factor": 1e400`, `"type": "yarn", "factor": 4, "attention_factor": 0`,
		`"type": "yarn", "factor": 4, "beta_fast": 1, "beta_slow": 2`, `"type": "yarn", "factor": 4, "beta_slow": -1`,
		`"type": "yarn", "factor": 4, "original_max_position_embeddings": 6, "truncate": false`, // no pair turns once
		`"type": "yarn", "factor": 4, "original_max_position_embeddings": 1e9`,
		`"type": "yarn", "factor": 4, "rope_theta": 1`, `"type": "yarn", "factor": 4, "mscale": -100, "mscale_all_dim": 1`,
		`"type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1`,
		`"type": "longrope", "factor": 4`,
	} {
		_, err := FromHF([]byte(`{"model_type": "llama", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 1,
			"num_attention_heads": 2, "rope_scaling": {` + scaling + `}}`))
		if err == nil || !strings.Contains(err.Error(), "rope") && !strings.Contains(err.Error(), "number") {
			t.Errorf("%s: %v", scaling, err)
		}
	}
}
