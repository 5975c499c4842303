package model

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
)

// fourLayers is the keys of a GGUF file of an architecture, with more of its own.
func fourLayers(arch string, more metadata) metadata {
	m := metadata{"general.architecture": arch}
	keys := metadata{"block_count": 4, "embedding_length": 16, "context_length": 64, "attention.layer_norm_rms_epsilon": 1e-5,
		"attention.head_count": 4, "attention.head_count_kv": 2, "feed_forward_length": 8, "rope.freq_base": 500.}
	maps.Copy(keys, more)
	for key, value := range keys {
		m[arch+"."+key] = value
	}
	return m
}

func readKeys(t *testing.T, arch string, more metadata) *Config {
	t.Helper()
	cfg, err := FromGGUF(fourLayers(arch, more), func(name string) bool { return !strings.HasSuffix(name, ".bias") }, 8, RopeTensors{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Which layers of an OLMo slide, and that these are not scaled (llama.cpp, src/models/olmo2.cpp).
func TestOLMoKeys(t *testing.T) {
	yarn := metadata{"rope.scaling.type": "yarn", "rope.scaling.factor": 4., "rope.scaling.original_context_length": 16}
	for _, c := range []struct {
		more    metadata
		windows [4]int
	}{
		{nil, [4]int{}},
		{metadata{"attention.sliding_window": 0}, [4]int{}},
		{metadata{"attention.sliding_window": 7}, [4]int{7, 7, 7, 0}},
		{metadata{"attention.sliding_window": 7, "attention.sliding_window_pattern": 2}, [4]int{7, 0, 7, 0}},
		{metadata{"attention.sliding_window": 7, "attention.sliding_window_pattern": []bool{false, true, true, false}}, [4]int{0, 7, 7, 0}},
	} {
		more := maps.Clone(yarn)
		maps.Copy(more, c.more)
		cfg := readKeys(t, "olmo2", more)
		for i, l := range cfg.Layers {
			if slides := c.windows[i] > 0; l.Window != c.windows[i] || (l.Positions == LocalRope) != slides {
				t.Errorf("%v: layer %d has %+v, want a window of %d", c.more, i, l, c.windows[i])
			}
		}
		if cfg.Rope.Scaling == nil || cfg.LocalRope.Scaling != nil || cfg.Window() > 0 && cfg.LocalRope.Theta != 500 {
			t.Errorf("%v: RoPE %+v and %+v", c.more, cfg.Rope, cfg.LocalRope)
		}
	}
}

// The keys that llama.cpp's converter writes of a Ministral 3 (conversion/mistral3.py), and what
// mscale_all_dim makes of the attention factor (llama-context.cpp).
func TestMinistral3Keys(t *testing.T) {
	yarn := metadata{"rope.scaling.type": "yarn", "rope.scaling.factor": 4., "rope.scaling.original_context_length": 16,
		"rope.scaling.yarn_beta_fast": 4., "rope.scaling.yarn_beta_slow": 0.5}
	plain := 0.1*math.Log(4) + 1
	for _, c := range []struct {
		more      metadata
		attention float64
		growth    QueryGrowth
	}{
		{nil, plain, QueryGrowth{}},
		{metadata{"rope.scaling.yarn_log_multiplier": 1.}, 1, QueryGrowth{}},
		{metadata{"rope.scaling.yarn_log_multiplier": 0.5, "rope.scaling.attn_factor": 1.5}, 1.5 * plain / (0.05*math.Log(4) + 1), QueryGrowth{}},
		{metadata{"attention.temperature_scale": 0.25}, plain, QueryGrowth{0.25, 16}},
	} {
		more := maps.Clone(yarn)
		maps.Copy(more, c.more)
		cfg := readKeys(t, "mistral3", more)
		if a := cfg.Rope.Attention(); math.Abs(a-c.attention) > 1e-12 || cfg.Growth != c.growth {
			t.Errorf("%v: attention factor %g, growth %+v, want %g, %+v", c.more, a, cfg.Growth, c.attention, c.growth)
		}
		if s := cfg.Rope.Scaling; s.BetaFast != 4 || s.BetaSlow != 0.5 {
			t.Errorf("%v: a ramp from %g turns to %g", c.more, s.BetaFast, s.BetaSlow)
		}
	}
}

// What files leave out is what transformers' configurations of the family have.
func TestDefaultsOfFamilies(t *testing.T) {
	for _, c := range []struct {
		modelType, more     string
		headDim, kv, window int
		eps, theta          float64
		tied                bool
		biases              Roles
	}{
		{"olmo2", "", 4, 16, 0, 1e-5, 1e4, false, 0},
		{"olmo3", "", 4, 16, 4096, 1e-5, 5e5, false, 0},
		{"seed_oss", "", 128, 8, 0, 1e-6, 1e4, false, RolesOf(QBias, KBias, VBias)},
		{"seed_oss", `, "attention_bias": false, "attention_out_bias": true`, 128, 8, 0, 1e-6, 1e4, false, RolesOf(OBias)},
		{"seed_oss", `, "mlp_bias": true`, 128, 8, 0, 1e-6, 1e4, false, Biases &^ RolesOf(OBias)},
		{"ernie4_5", "", 128, 2, 0, 1e-5, 5e5, true, 0},
		{"ernie4_5", `, "use_bias": true`, 128, 2, 0, 1e-5, 5e5, true, Biases},
		{"ministral3", `, "rope_parameters": {"rope_theta": 7, "rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.1}`,
			128, 8, 0, 1e-5, 7, false, 0},
	} {
		cfg, err := FromHF(fmt.Appendf(nil, `{"model_type": %q, "vocab_size": 8, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 4, "num_attention_heads": 16%s}`,
			c.modelType, c.more))
		if err != nil {
			t.Errorf("%s: %v", c.modelType, err)
			continue
		}
		if cfg.HeadDim != c.headDim || cfg.Layers[0].KVHeads != c.kv || cfg.Layers[0].Window != c.window || cfg.Layers[3].Window != 0 || cfg.NormEps != c.eps ||
			cfg.Rope.Theta != c.theta || cfg.Tied != c.tied || cfg.Biases() != c.biases {
			t.Errorf("%s%s: %+v, biases %b", c.modelType, c.more, cfg, cfg.Biases())
		}
	}
	_, err := FromHF([]byte(`{"model_type": "ministral3", "vocab_size": 8, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 16}`))
	if err == nil || !strings.Contains(err.Error(), "llama_4_scaling_beta") {
		t.Errorf("a Ministral 3 that does not say how queries grow: %v", err)
	}
}

// One norm over all heads is what makes a model without some heads another than the masked one.
func TestHeadsCutAreMasked(t *testing.T) {
	for modelType, want := range map[string]bool{"llama": true, "qwen3": true, "gemma2": true, "olmo2": false, "olmo3": false} {
		cfg, err := FromHF(fmt.Appendf(nil, `{"model_type": %q, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4}`, modelType))
		if err != nil || cfg.HeadsCutAreMasked() != want {
			t.Errorf("%s: %t (%v), want %t", modelType, cfg.HeadsCutAreMasked(), err, want)
		}
	}
}
