package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The counts are those of the published models.
func TestPublishedModels(t *testing.T) {
	const qwen = `"vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "use_sliding_window": false, "sliding_window": 4096`
	const gemmas = `"vocab_size": 256000, "max_position_embeddings": 8192, "rms_norm_eps": 1e-6`
	for _, c := range []struct {
		name, config string
		params       int64
		window       int
	}{
		{"Mistral-7B-v0.1", `"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
			"num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768, "sliding_window": 4096`, 7_241_732_096, 4096},
		{"Mistral-7B-v0.2", `"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
			"num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768, "sliding_window": null`, 7_241_732_096, 0},
		{"Qwen2.5-0.5B", qwen + `, "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
			"num_attention_heads": 14, "num_key_value_heads": 2, "tie_word_embeddings": true`, 494_032_768, 0},
		{"Qwen2.5-7B", strings.Replace(qwen, "151936", "152064", 1) + `, "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
			"num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4`, 7_615_616_512, 0},
		{"Qwen3-0.6B", qwen + `, "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "head_dim": 128,
			"num_attention_heads": 16, "num_key_value_heads": 8, "tie_word_embeddings": true`, 596_049_920, 0},
		{"Qwen3-8B", qwen + `, "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
			"num_attention_heads": 32, "num_key_value_heads": 8`, 8_190_735_360, 0},
		{"Gemma-2B", gemmas + `, "model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18, "hidden_act": "gelu",
			"num_attention_heads": 8, "num_key_value_heads": 1`, 2_506_172_416, 0},
		{"Gemma-7B", gemmas + `, "model_type": "gemma", "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
			"num_attention_heads": 16, "num_key_value_heads": 16`, 8_537_680_896, 0},
		{"Gemma-2-2B", gemmas + `, "model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
			"num_attention_heads": 8, "num_key_value_heads": 4`, 2_614_341_888, 4096},
		{"Gemma-2-9B", gemmas + `, "model_type": "gemma2", "hidden_size": 3584, "intermediate_size": 14336, "num_hidden_layers": 42,
			"num_attention_heads": 16, "num_key_value_heads": 8`, 9_241_705_984, 4096},
		{"Gemma-2-27B", gemmas + `, "model_type": "gemma2", "hidden_size": 4608, "intermediate_size": 36864, "num_hidden_layers": 46, "head_dim": 128,
			"query_pre_attn_scalar": 144, "num_attention_heads": 32, "num_key_value_heads": 16`, 27_227_128_320, 4096},
		{"Phi-3-mini-4k", `"model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
			"num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096, "rope_scaling": null, "sliding_window": 2047`, 3_821_079_552, 2047},
		{"Phi-4", `"model_type": "phi3", "vocab_size": 100352, "hidden_size": 5120, "intermediate_size": 17920, "num_hidden_layers": 40,
			"num_attention_heads": 40, "num_key_value_heads": 10, "max_position_embeddings": 16384, "rope_theta": 250000, "sliding_window": null`, 14_659_507_200, 0},
		{"Phi-4-mini", `"model_type": "phi3", "vocab_size": 200064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32, "partial_rotary_factor": 0.75,
			"num_attention_heads": 24, "num_key_value_heads": 8, "max_position_embeddings": 131072, "tie_word_embeddings": true, "sliding_window": 262144`, 3_836_021_760, 0},
		{"Gemma-3-1B", `"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26,
			"num_attention_heads": 4, "num_key_value_heads": 1, "max_position_embeddings": 32768, "sliding_window": 512, "sliding_window_pattern": 6`, 999_885_952, 512},
		{"Gemma-3-4B, text", `"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
			"rope_scaling": {"factor": 8.0, "rope_type": "linear"}`, 3_880_263_168, 1024},
		{"SmolLM3-3B", `"model_type": "smollm3", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
			"num_attention_heads": 16, "max_position_embeddings": 65536, "rope_theta": 5e6, "use_sliding_window": false, "sliding_window": null`, 3_075_098_624, 0},
		{"Granite-3.0-8B", `"model_type": "granite", "vocab_size": 49155, "hidden_size": 4096, "intermediate_size": 12800, "num_hidden_layers": 40,
			"num_attention_heads": 32, "num_key_value_heads": 8, "tie_word_embeddings": true, "attention_multiplier": 0.0078125, "embedding_multiplier": 12.0,
			"residual_multiplier": 0.22, "logits_scaling": 16.0`, 8_170_848_256, 0},
	} {
		cfg, err := FromHF([]byte("{" + c.config + "}"))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if n, w := cfg.ParamCount(), cfg.Window(); n != c.params || w != c.window {
			t.Errorf("%s has %d parameters and a window of %d, want %d and %d", c.name, n, w, c.params, c.window)
		}
	}
}

// What config.json and GGUF files say of Gemma 2 beyond sizes, and what holds where they are silent.
func TestGemma2(t *testing.T) {
	const sizes = `"model_type": "gemma2", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 3, "head_dim": 4,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64`
	for _, c := range []struct {
		more               string
		windows            [3]int
		scoreCap, logitCap float32
		scale              float32
		words              string // of an error
	}{
		{"", [3]int{4096, 0, 4096}, 50, 30, 1. / 16, ""},
		{`, "sliding_window": 9, "attn_logit_softcapping": null, "final_logit_softcapping": 7, "query_pre_attn_scalar": 4`, [3]int{9, 0, 9}, 0, 7, 0.5, ""},
		{`, "sliding_window": 9, "layer_types": ["full_attention", "full_attention", "sliding_attention"]`, [3]int{0, 0, 9}, 50, 30, 1. / 16, ""},
		{`, "layer_types": ["full_attention"]`, [3]int{}, 0, 0, 0, "layer_types has 1 entries, the model 3 layers"},
		{`, "layer_types": ["full_attention", "chunked_attention", "full_attention"]`, [3]int{}, 0, 0, 0, `layer_types "chunked_attention" is not supported`},
		{`, "sliding_window": null`, [3]int{}, 0, 0, 0, "sliding_window is no positive number"},
		{`, "attn_logit_softcapping": -1`, [3]int{}, 0, 0, 0, "soft cap is -1"},
		{`, "query_pre_attn_scalar": 0`, [3]int{}, 0, 0, 0, "query_pre_attn_scalar is 0, want 1 to"},
		{`, "tie_word_embeddings": false`, [3]int{}, 0, 0, 0, "tie_word_embeddings false is not supported for gemma2"},
		{`, "hidden_activation": "silu"`, [3]int{}, 0, 0, 0, `hidden_act "silu" is not supported for gemma2, known is gelu_pytorch_tanh`},
		{`, "use_bidirectional_attention": true`, [3]int{}, 0, 0, 0, "use_bidirectional_attention is not supported"},
	} {
		cfg, err := FromHF([]byte("{" + sizes + c.more + "}"))
		if c.words != "" {
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: error %v, want %q", c.more, err, c.words)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.more, err)
		}
		for i, l := range cfg.Layers {
			if l.Window != c.windows[i] {
				t.Errorf("%s: layer %d has a window of %d, want %d", c.more, i, l.Window, c.windows[i])
			}
		}
		if cfg.ScoreCap != c.scoreCap || cfg.LogitCap != c.logitCap || cfg.AttentionScale() != c.scale || cfg.EmbeddingScale != 4 || !cfg.Tied || !cfg.Uniform() {
			t.Errorf("%s: %+v", c.more, cfg)
		}
	}
}

// By whose root a GGUF file's scores are divided, which no key says: the head size, but in
// the models with 46 and 62 layers, Gemma 2 and 3 27B, the hidden size by the query heads.
func TestGemmaQueryScalars(t *testing.T) {
	for _, c := range []struct{ layers, hidden, heads, headDim, gemma2, gemma3 int }{
		{26, 2304, 8, 256, 256, 256}, {42, 3584, 16, 256, 256, 256}, {45, 4608, 32, 128, 128, 128}, {46, 4608, 32, 128, 144, 128}, {47, 4608, 32, 128, 128, 128},
		{48, 3840, 16, 256, 256, 256}, {61, 5376, 32, 128, 128, 128}, {62, 5376, 32, 128, 128, 168}, {63, 5376, 32, 128, 128, 128},
	} {
		cfg := &Config{HiddenSize: c.hidden, HeadDim: c.headDim, Layers: slices.Repeat([]Layer{{Heads: c.heads}}, c.layers)}
		if two, three := cfg.Gemma2QueryScalar(), cfg.Gemma3QueryScalar(); two != c.gemma2 || three != c.gemma3 {
			t.Errorf("%d layers: %d and %d, want %d and %d", c.layers, two, three, c.gemma2, c.gemma3)
		}
	}
}

// A unit of attention takes its part of the biases with it, and none of the norms.
func TestUnits(t *testing.T) {
	const sizes = `{"model_type": %q, "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 1, "head_dim": 4,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "attention_bias": %t, "mlp_bias": %[2]t}`
	const heads, channel = (2 + 1 + 1 + 2) * 4 * 16, 3 * 16 // scalars of a unit without biases
	for _, c := range []struct {
		modelType      string
		biases         bool
		heads, channel int64
	}{
		{"llama", false, heads, channel}, {"llama", true, heads + (2+1+1)*4, channel + 2},
		{"qwen2", false, heads + (2+1+1)*4, channel}, {"qwen3", false, heads, channel},
		{"phi3", false, heads, channel},
		{"olmo2", false, heads + (2+1)*4, channel}, // but those over all heads
	} {
		cfg, err := FromHF(fmt.Appendf(nil, sizes, c.modelType, c.biases))
		if err != nil {
			t.Fatal(err)
		}
		h, m := cfg.Dim(0, Heads), cfg.Dim(0, MLP)
		if a, b := cfg.UnitParams(h), cfg.UnitParams(m); a != c.heads || b != c.channel {
			t.Errorf("%s (biases: %t): units of %d and %d scalars, want %d and %d", c.modelType, c.biases, a, b, c.heads, c.channel)
		}
		before, after := cfg.ParamCount(), cfg.Cut(map[Dim]int{h: 1, m: 5}).ParamCount()
		if gone := before - after; gone != c.heads+c.channel {
			t.Errorf("%s (biases: %t): cutting a unit of each removes %d scalars, want %d", c.modelType, c.biases, gone, c.heads+c.channel)
		}
	}
}

// A Mistral that does not speak of a window has MistralConfig's, a Phi-3 has none.
func TestDefaultWindow(t *testing.T) {
	for family, window := range map[string]int{"mistral": 4096, "phi3": 0} {
		cfg, err := FromHF(fmt.Appendf(nil, `{"model_type": %q, "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
			"num_attention_heads": 2, "max_position_embeddings": 8192}`, family))
		if err != nil || cfg.Window() != window {
			t.Errorf("%s: window of %d (%v), want %d", family, cfg.Window(), err, window)
		}
	}
}
