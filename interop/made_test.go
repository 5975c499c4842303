package interop

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// Names of models that a test makes: random ones, in a folder.
const (
	biased     = "biases" // a Llama with biases of all projections
	capped     = "capped" // a Gemma 2 whose caps bend most scores and logits, with a tokenizer
	yarn       = "yarn"
	yarnFactor = "yarn, attention factor"
	yarnMScale = "yarn, mscale"
	yarnRamp   = "yarn, another ramp"
	yarnQwen2  = "yarn of a Qwen 2"
	dynamic    = "dynamic RoPE"
)

// made makes each.
var made = map[string]func(t *testing.T) string{
	biased:     small(`"model_type": "llama", "attention_bias": true, "mlp_bias": true, "max_position_embeddings": 128`),
	capped:     cappedGemma2,
	yarn:       small(`"model_type": "llama", "max_position_embeddings": 2048, "rope_scaling": {` + yarn512 + `}`),
	yarnFactor: small(`"model_type": "llama", "max_position_embeddings": 2048, "rope_scaling": {` + yarn512 + `, "attention_factor": 1.5}`),
	yarnMScale: small(`"model_type": "llama", "max_position_embeddings": 2048, "rope_parameters": {"rope_theta": 5e3, ` + yarn512 + `, "mscale": 3.0, "mscale_all_dim": 0.5}`),
	yarnRamp:   small(`"model_type": "llama", "max_position_embeddings": 2048, "rope_scaling": {` + yarn512 + `, "beta_fast": 8, "beta_slow": 0.5, "truncate": false}`),
	yarnQwen2:  small(`"model_type": "qwen2", "max_position_embeddings": 2048, "rope_theta": 1e6, "rope_scaling": {` + yarn512 + `}`),
	dynamic:    small(`"model_type": "llama", "max_position_embeddings": 16, "rope_scaling": {"type": "dynamic", "factor": 2.0}`),
}

const yarn512 = `"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512`

// small makes a model of two layers, of whose config.json more is a part.
func small(more string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		return randomModel(t, `{"vocab_size": 256, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 8,
			"num_key_value_heads": 4, "rms_norm_eps": 1e-5, `+more+`}`)
	}
}

// cappedGemma2 has low caps, and the vocabulary of TinyLlama in Gemma's pipeline.
func cappedGemma2(t *testing.T) string {
	t.Helper()
	need(t, tinyLlama)
	var tokenizer map[string]any
	if err := json.Unmarshal(readFile(t, filepath.Join(tinyLlama, "tokenizer.json")), &tokenizer); err != nil {
		t.Fatal(err)
	}
	tokenizer["normalizer"] = map[string]any{"type": "Replace", "pattern": map[string]string{"String": " "}, "content": "\u2581"}
	tokenizer["pre_tokenizer"] = map[string]any{"type": "Split", "pattern": map[string]string{"String": " "}, "behavior": "MergedWithPrevious", "invert": false}
	data, err := json.Marshal(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	dir := randomModel(t, `{"model_type": "gemma2", "vocab_size": 32000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "head_dim": 8,
		"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "sliding_window": 5, "query_pre_attn_scalar": 8,
		"attn_logit_softcapping": 2, "final_logit_softcapping": 5, "hidden_activation": "gelu_pytorch_tanh", "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}`)
	writeFiles(t, dir, map[string]string{"tokenizer.json": string(data),
		"tokenizer_config.json": `{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}`})
	return dir
}
