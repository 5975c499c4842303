package interop

import "slices"

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
)

func init() {
	const layers7, layers4 = `, "num_hidden_layers": 7`, `, "num_hidden_layers": 4`
	const context, linear = `, "max_position_embeddings": 128`, `, "rope_scaling": {"rope_type": "linear", "factor": 8.0}`
	const gemmas = `"model_type": "gemma3_text", "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 5, "hidden_activation": "gelu_pytorch_tanh",
		"rope_theta": 1e6, "rope_local_base_freq": 1e3, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0` + context
	const factors = `"model_type": "granite", "embedding_multiplier": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2, "logits_scaling": 4.0` + context
	const windows = `, "use_sliding_window": true, "sliding_window": 7` + context
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
		qwen2Window: `"model_type": "qwen2", "max_window_layers": 1` + windows,
		qwen3Window: `"model_type": "qwen3", "head_dim": 16, "layer_types": ["sliding_attention", "full_attention"]` + windows,
	} {
		made[name] = small(config)
	}
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
			{name: "phi4mini, uniform, channels", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..1", "--mlp-only"), arch: "phi3", class: "Phi3ForCausalLM"},
			{name: "phi4mini, uniform", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..1"), class: "PrunedPhi3ForCausalLM", remote: true},
			{name: "phi4mini, layers differ", args: prune(phi4mini, "--layer-ratio", "50%", "--layers", "0..0"), class: "PrunedPhi3ForCausalLM", remote: true},
		},
		threeWays(qwen2Window, "0..1", "qwen2", "llama", "deci", "Qwen2", 7),
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
