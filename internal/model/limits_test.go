package model

import (
	"math"
	"strings"
	"testing"
)

// Every number of a configuration at its limits and just beyond, and what the error calls it.
func TestLimits(t *testing.T) {
	const most = 1 << 24
	for _, c := range []struct {
		name      string
		set       func(c *Config, v float64)
		good, bad []float64
	}{
		{"layers", func(c *Config, v float64) { c.Layers = make([]Layer, int(v)); fill(c) }, []float64{1, 4096}, []float64{0, 4097}},
		{"vocabulary", func(c *Config, v float64) { c.VocabSize = int(v) }, []float64{1, most}, []float64{-1, 0, most + 1}},
		{"hidden size", func(c *Config, v float64) { c.HiddenSize = int(v) }, []float64{1, most}, []float64{0, most + 1}},
		{"head size", func(c *Config, v float64) { c.HeadDim = int(v) }, []float64{2, most / 4}, []float64{0, 3, most + 1}},
		{"query heads", func(c *Config, v float64) { c.HeadDim = int(v) }, nil, []float64{most/4 + 2}},
		{"context length", func(c *Config, v float64) { c.MaxPositions = int(v) }, []float64{1, most}, []float64{0, most + 1}},
		{"epsilon", func(c *Config, v float64) { c.NormEps = v }, []float64{0, 1e-5, 0.999}, []float64{-1e-9, 1, math.NaN(), math.Inf(1)}},
		{"query heads", func(c *Config, v float64) { c.Layers[1].Heads = int(v) }, []float64{2, 6}, []float64{0, 1, 5, most/4 + 2}},
		{"KV heads", func(c *Config, v float64) { c.Layers[1].KVHeads = int(v) }, []float64{1, 4}, []float64{-1, 0, 3, 8}},
		{"MLP channels", func(c *Config, v float64) { c.Layers[1].Intermediate = int(v) }, []float64{1, most}, []float64{0, most + 1}},
		{"sliding window", func(c *Config, v float64) { c.Layers[1].Window = int(v) }, []float64{0, 1, most}, []float64{-1, most + 1}},
		{"parameters", func(c *Config, v float64) { c.HiddenSize, c.Layers[0].Intermediate = most, int(v); repeat(c, 4096) },
			[]float64{1 << 18}, []float64{1 << 19}},
		{"soft cap", func(c *Config, v float64) { c.ScoreCap = float32(v) }, []float64{0, most}, []float64{-1, 2 * most, math.NaN()}},
		{"soft cap", func(c *Config, v float64) { c.LogitCap = float32(v) }, []float64{0, most}, []float64{-1, 2 * most, math.NaN()}},
		{"scale of scores", func(c *Config, v float64) { c.ScoreScale = v }, []float64{0.25, most}, []float64{-1, most + 1, math.NaN()}},
		{"scale of the embedding", func(c *Config, v float64) { c.EmbeddingScale = float32(v) }, []float64{12, most}, []float64{-1, 2 * most}},
		{"scale of the residual stream", func(c *Config, v float64) { c.ResidualScale = float32(v) }, []float64{0.5, most}, []float64{-1, 2 * most}},
		{"divisor of logits", func(c *Config, v float64) { c.LogitDivisor = float32(v) }, []float64{8, most}, []float64{-1, 2 * most}},
		{"growth of queries", func(c *Config, v float64) { c.Growth.Beta, c.Growth.Original = v, 16 }, []float64{0, 0.5, most}, []float64{-1, most + 1}},
		{"beyond a context", func(c *Config, v float64) { c.Growth.Beta, c.Growth.Original = 1, v }, []float64{1, most}, []float64{0, 0.5, most + 1}},
		{"components of a head", func(c *Config, v float64) { c.RotaryDim = int(v) }, []float64{0, 2, 4}, []float64{-2, 1, 5, 6}},
		{"theta", func(c *Config, v float64) { c.Rope.Theta = v }, []float64{1e-3, 1, 1e300}, []float64{0, -1, math.NaN(), math.Inf(1)}},
		{"theta", func(c *Config, v float64) { c.LocalRope.Theta = v; c.Layers[1].Positions = LocalRope }, []float64{1, 1e300}, []float64{0, math.Inf(1)}},
	} {
		check := func(v float64, ok bool) {
			cfg, err := FromHF([]byte(`{"model_type": "llama", "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2, "head_dim": 4,
				"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5}`))
			if err != nil {
				t.Fatal(err)
			}
			c.set(cfg, v)
			if err = cfg.Validate(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), c.name) {
				t.Errorf("%s %v: %v", c.name, v, err)
			}
		}
		for _, v := range c.good {
			check(v, true)
		}
		for _, v := range c.bad {
			check(v, false)
		}
	}
}

// fill makes all layers alike.
func fill(c *Config) {
	for i := range c.Layers {
		c.Layers[i] = Layer{Heads: 4, KVHeads: 2, Intermediate: 6}
	}
}

// repeat makes n layers like the first.
func repeat(c *Config, n int) {
	one := c.Layers[0]
	c.Layers = make([]Layer, n)
	for i := range c.Layers {
		c.Layers[i] = one
	}
}

// A window hides something only where it is shorter than the context.
func TestWindowOfTheContext(t *testing.T) {
	for window, want := range map[string]int{"63": 63, "64": 0, "65": 0, "null": 0, "1": 1} {
		c, err := FromHF([]byte(`{"model_type": "mistral", "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2, "head_dim": 4,
			"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "sliding_window": ` + window + `}`))
		if err != nil || c.Layers[0].Window != want || c.Layers[1].Window != want || c.Window() != want {
			t.Errorf("window %s of 64: %+v, %v", window, c, err)
		}
	}
}
