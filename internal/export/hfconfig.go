package export

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// stale are keys of a source's config.json that do not hold for the output:
// what transformers writes about itself, a second name of torch_dtype, other
// files' code, and how weights were stored.
var stale = []string{"transformers_version", "_name_or_path", "dtype", "auto_map", "quantization_config", "pretraining_tp",
	headsPerLayer, kvHeadsPerLayer, intermediatePerLayer}

const (
	headsPerLayer        = "num_attention_heads_per_layer"
	kvHeadsPerLayer      = "num_key_value_heads_per_layer"
	intermediatePerLayer = "intermediate_size_per_layer"
)

type object map[string]any

// hfConfig is config.json: the source's, where there is one, with what the
// model's configuration says written over it.
func hfConfig(m Model, arch hfArch, d tensor.DType) ([]byte, error) {
	o := object{"initializer_range": 0.02, "use_cache": true}
	for key, value := range m.Raw {
		o[key] = value
	}
	for _, key := range stale {
		delete(o, key)
	}
	maps.Copy(o, sizes(m.Config, arch))
	o["architectures"], o["model_type"] = []string{arch.causal()}, arch.modelType()
	o["torch_dtype"] = torchDType(d)
	rope(o, m.Config, arch)
	if m.Raw == nil {
		maps.Copy(o, specialIDs(m))
	}
	if arch.remote {
		maps.Copy(o, layerSizes(m.Config, arch))
	}
	if arch.base == "Mistral" || arch.base == "Phi3" {
		window(o, m.Config, arch)
	}
	if arch.base == "Phi3" {
		o["original_max_position_embeddings"] = originalContext(m.Config)
	}
	if m.Config.Activation == model.GELU {
		gemma(o, m.Config)
	}
	return indented(o)
}

// originalContext is what Phi3Config has beside rope_scaling, and llama.cpp's
// converter asks for without scaling too.
func originalContext(c *model.Config) int {
	if s := c.Rope.Scaling; s.LongRope() {
		return int(s.OriginalPosition)
	}
	return c.MaxPositions
}

func sizes(c *model.Config, arch hfArch) object {
	all := c.Layers[0]
	if arch.remote {
		all = globalSizes(c)
	}
	return object{
		"vocab_size":              c.VocabSize,
		"hidden_size":             c.HiddenSize,
		"head_dim":                c.HeadDim,
		"num_hidden_layers":       len(c.Layers),
		"num_attention_heads":     all.Heads,
		"num_key_value_heads":     all.KVHeads,
		"intermediate_size":       all.Intermediate,
		"max_position_embeddings": c.MaxPositions,
		"rms_norm_eps":            float(c.NormEps),
		"hidden_act":              c.Activation.String(),
		"tie_word_embeddings":     c.Tied,
		"attention_bias":          c.Has(model.OBias), // Qwen 2 has its own without asking
		"mlp_bias":                c.Has(model.DownBias),
	}
}

// window writes sliding_window: null where queries see all keys, since
// MistralConfig's default is 4096, but for a source's that is no shorter than the context.
func window(o object, c *model.Config, arch hfArch) {
	if n := c.Window(); n > 0 {
		o["sliding_window"] = n
	} else if _, ok := o["sliding_window"]; !ok || c.Family.Name != strings.ToLower(arch.base) {
		o["sliding_window"] = nil
	}
}

// layerSizes is what a pruned_llama has beyond a Llama.
func layerSizes(c *model.Config, arch hfArch) object {
	var heads, kv, mlp []int
	for _, l := range c.Layers {
		heads, kv, mlp = append(heads, l.Heads), append(kv, l.KVHeads), append(mlp, l.Intermediate)
	}
	class := "Pruned" + arch.base
	auto := map[string]string{
		"AutoConfig":           "configuration_" + arch.modelType() + "." + class + "Config",
		"AutoModel":            "modeling_" + arch.modelType() + "." + class + "Model",
		"AutoModelForCausalLM": "modeling_" + arch.modelType() + "." + arch.causal(),
	}
	return object{headsPerLayer: heads, kvHeadsPerLayer: kv, intermediatePerLayer: mlp, "auto_map": auto}
}

// float is a number that Python reads as a float, since transformers refuses a
// factor of 8. What comes from a GGUF file is a float32 and gets its digits.
type float float64

// MarshalJSON writes 8 as 8.0, and the float32 next to 1e-5 as 1e-05.
func (f float) MarshalJSON() ([]byte, error) {
	bits := 64
	if float64(float32(f)) == float64(f) {
		bits = 32
	}
	s := strconv.FormatFloat(float64(f), 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return []byte(s), nil
}

// specialIDs are the tokenizer's; null where there is none, since LlamaConfig
// otherwise takes 1 and 2.
func specialIDs(m Model) object {
	o := object{"bos_token_id": nil, "eos_token_id": nil, "pad_token_id": nil}
	if m.Vocab == nil {
		return o
	}
	for key, id := range map[string]int{"bos_token_id": m.Vocab.BOS, "eos_token_id": m.Vocab.EOS, "pad_token_id": m.Vocab.PAD} {
		if id >= 0 {
			o[key] = id
		}
	}
	return o
}

func indented(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}
