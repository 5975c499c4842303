package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// Families by what they compute beyond a Llama; rows of 24 tokens go beyond windows and original contexts.
const (
	gemma3       = "gemma3"                // windows of 5 in all layers but the sixth of seven, linear scaling there
	gemma3Layers = "gemma3 by layer_types" // windows in other layers; a soft cap of logits
	granite      = "granite"
	graniteBias  = "granite with biases" // and llama3 scaling
	smollm3      = "smollm3"             // four layers, the last without positions
	smollm3Other = "smollm3 otherwise"   // the second without positions
	phi4mini     = "phi4mini"            // 6 of 8 components turn, LongRoPE beyond 16 tokens
	qwen2Window  = "qwen2 with windows"  // of 7 in the last of two layers
	qwen3Window  = "qwen3 with windows"  // of 7 in the first
	olmo2        = "olmo2"
	olmo3        = "olmo3"            // windows of 5 in three layers of four, YaRN in the fourth
	olmo3Layers  = "olmo3 otherwise"  // a window in the second of two layers
	ministral3   = "ministral3"       // queries that grow beyond 8 tokens
	ministralOwn = "ministral3, ramp" // and a ramp of its own
	seedOss      = "seed_oss"         // biases of q, k, v
	seedOssOut   = "seed_oss, o too"
	ernie45      = "ernie4_5"
	ernie45Bias  = "ernie4_5 with biases"
	mistralSmall = "mistral small 3" // the text part of a model that sees pictures too
)

func init() {
	const layers7, layers4 = `, "num_hidden_layers": 7`, `, "num_hidden_layers": 4`
	const context, linear = `, "max_position_embeddings": 128`, `, "rope_scaling": {"rope_type": "linear", "factor": 8.0}`
	const gemmas = `"model_type": "gemma3_text", "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 5, "hidden_activation": "gelu_pytorch_tanh",
		"rope_theta": 1e6, "rope_local_base_freq": 1e3, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0` + context
	const factors = `"model_type": "granite", "embedding_multiplier": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2, "logits_scaling": 4.0` + context
	const windows = `, "use_sliding_window": true, "sliding_window": 7` + context
	const yarn16 = `, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}`
	const growth = `"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 8, "llama_4_scaling_beta": 0.3, "mscale": 1.0, "mscale_all_dim": 1.0`
	for name, config := range map[string]string{
		gemma3:       gemmas + layers7 + linear,
		gemma3Layers: gemmas + `, "layer_types": ["full_attention", "sliding_attention"], "final_logit_softcapping": 3.0`,
		granite:      factors + `, "tie_word_embeddings": true`,
		graniteBias: factors + `, "attention_bias": true, "mlp_bias": true, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
			"high_freq_factor": 4.0, "original_max_position_embeddings": 64}`,
		smollm3:      `"model_type": "smollm3", "rope_theta": 1e4, "pad_token_id": 0` + layers4 + context,
		smollm3Other: `"model_type": "smollm3", "rope_theta": 1e4, "pad_token_id": 0, "no_rope_layers": [1, 0]` + context,
		phi4mini: `"model_type": "phi3", "partial_rotary_factor": 0.75, "original_max_position_embeddings": 16, "tie_word_embeddings": true, "sliding_window": 262144,
			"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1, 1.7], "long_factor": [1.2, 1.9, 5.3]}` + context,
		qwen2Window:  `"model_type": "qwen2", "max_window_layers": 1` + windows,
		olmo2:        `"model_type": "olmo2"` + context,
		olmo3:        `"model_type": "olmo3", "sliding_window": 5` + layers4 + context + yarn16,
		olmo3Layers:  `"model_type": "olmo3", "sliding_window": 5, "rope_theta": 500000.0, "layer_types": ["full_attention", "sliding_attention"]` + context,
		ministral3:   `"model_type": "ministral3", "head_dim": 16, "rope_parameters": {` + growth + `}` + context,
		ministralOwn: `"model_type": "ministral3", "head_dim": 16, "rope_parameters": {"beta_fast": 4.0, "beta_slow": 0.5, ` + growth + `}` + context,
		seedOss:      `"model_type": "seed_oss", "head_dim": 16, "attention_dropout": 0.0, "residual_dropout": 0.0` + context,
		seedOssOut:   `"model_type": "seed_oss", "head_dim": 16, "attention_dropout": 0.0, "residual_dropout": 0.0, "attention_out_bias": true, "mlp_bias": true` + context,
		ernie45:      `"model_type": "ernie4_5", "head_dim": 16` + context,
		ernie45Bias:  `"model_type": "ernie4_5", "head_dim": 16, "use_bias": true` + context,
		qwen3Window:  `"model_type": "qwen3", "head_dim": 16, "layer_types": ["sliding_attention", "full_attention"]` + windows,
	} {
		made[name] = small(config)
	}
	made[mistralSmall] = seeing(small(`"model_type": "mistral", "head_dim": 16, "sliding_window": null` + context))
	cases = slices.Concat(cases,
		threeWays(gemma3, "0..6", "gemma3", "gemma3", "", "Gemma3", 0),
		threeWays(gemma3Layers, "0..1", "gemma3", "gemma3", "", "Gemma3", 0),
		threeWays(granite, "0..1", "granite", "granite", "", "Granite", 0),
		threeWays(graniteBias, "0..1", "granite", "granite", "", "Granite", 0),
		threeWays(smollm3, "0..3", "smollm3", "smollm3", "", "SmolLM3", 0),
		threeWays(smollm3Other, "0..1", "", "", "", "SmolLM3", 0),
		// Classes and architectures of a Phi-3 count the factors by heads that make up the hidden size.
		threeWays(phi4mini, "0..1", "phi3", "", "", "Phi3", 0)[:1],
		[]modelCase{
			{name: "phi4mini, uniform, channels", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..1", "--units=channels"), arch: "phi3", class: "Phi3ForCausalLM"},
			{name: "phi4mini, uniform", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..1"), class: "PrunedPhi3ForCausalLM", remote: true},
			{name: "phi4mini, layers differ", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..0"), class: "PrunedPhi3ForCausalLM", remote: true},
		},
		threeWays(qwen2Window, "0..1", "qwen2", "llama", "deci", "Qwen2", 7),
		threeWays(olmo2, "0..1", "olmo2", "", "", "Olmo2", 0),
		[]modelCase{
			{name: "olmo2, uniform, channels", args: prune(olmo2, "--layer-ratio", "50%", "--layers", "0..1", "--units=channels"), arch: "olmo2", class: "Olmo2ForCausalLM"},
			{name: "olmo3, uniform, channels", args: prune(olmo3, "--layer-ratio", "50%", "--layers", "0..3", "--units=channels"), arch: "olmo2", class: "Olmo3ForCausalLM"},
		},
		threeWays(olmo3, "0..3", "olmo2", "", "", "Olmo3", 0),
		threeWays(olmo3Layers, "0..1", "olmo2", "", "", "Olmo3", 0),
		threeWays(ministral3, "0..1", "mistral3", "mistral3", "", "Ministral3", 0),
		threeWays(ministralOwn, "0..1", "mistral3", "mistral3", "", "Ministral3", 0),
		differing("PrunedQwen2ForCausalLM", threeWays(seedOss, "0..1", "seed_oss", "seed_oss", "deci", "SeedOss", 0)),
		differing("PrunedLlamaForCausalLM", threeWays(seedOssOut, "0..1", "llama", "llama", "deci", "SeedOss", 0)),
		differing("PrunedLlamaForCausalLM", threeWays(ernie45, "0..1", "ernie4_5", "ernie4_5", "deci", "Ernie4_5", 0)),
		differing("PrunedLlamaForCausalLM", threeWays(ernie45Bias, "0..1", "llama", "llama", "deci", "Ernie4_5", 0)),
		differing("PrunedLlamaForCausalLM", threeWays(mistralSmall, "0..1", "llama", "llama", "deci", "Mistral", 0)),
		threeWays(qwen3Window, "0..1", "qwen3", "qwen3", "", "Qwen3", 7),
	)
}

// threeWays is a model as it is, with half of all its layers cut, and half of the first
// alone; the architecture of each, "" where there is none.
func threeWays(name, all, whole, uniform, differ, class string, window int) []modelCase {
	return []modelCase{
		{name: name, args: []string{"convert", name}, arch: whole, class: class + "ForCausalLM", window: window},
		{name: name + ", uniform", args: prune(name, "--layer-ratio", "50%", "--layers", all), arch: uniform, class: class + "ForCausalLM", window: window},
		{name: name + ", layers differ", args: prune(name, "--layer-ratio", "50%", "--layers", "0..0"), arch: differ, class: "Pruned" + class + "ForCausalLM", remote: true, window: window},
	}
}

// differing is threeWays whose last way is of another class: that of a Llama by another name.
func differing(class string, ways []modelCase) []modelCase {
	ways[2].class = class
	return ways
}

// seeing is a Mistral 3 with pictures, of which text is the text part.
func seeing(text func(t *testing.T) string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		dir := text(t)
		config, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		files, err := checkpoint.OpenSafetensors(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		all := checkpoint.Memory{"vision_tower.ln_pre.weight": tensor.FromFloat32(tensor.F32, []int{8}, make([]float32, 8))}
		for _, i := range files.Tensors() {
			if all["language_model."+i.Name], err = files.Read(i.Name); err != nil {
				t.Fatal(err)
			}
		}
		var whole bytes.Buffer
		if err := checkpoint.WriteSafetensors(&whole, all.Tensors(), all.Read, nil); err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		writeFiles(t, out, map[string]string{"config.json": `{"model_type": "mistral3", "text_config": ` + string(config) + `}`, "model.safetensors": whole.String()})
		return out
	}
}
