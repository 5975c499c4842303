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

// hfConfig is config.json of a target: the source's, where there is one, with what the
// model's configuration says written over it.
func hfConfig(m Model, t *hfTarget, d tensor.DType) ([]byte, error) {
	o := object{"initializer_range": 0.02, "use_cache": true}
	for key, value := range m.Raw {
		o[key] = value
	}
	for _, key := range stale {
		delete(o, key)
	}
	maps.Copy(o, sizes(m.Config, t.code))
	o["architectures"], o["model_type"] = []string{t.name}, t.class.modelType
	o["torch_dtype"] = torchDType(d)
	o["rope_theta"], o["rope_scaling"] = float(m.Config.Rope.Theta), ropeScaling(m.Config)
	if m.Raw == nil {
		maps.Copy(o, specialIDs(m))
	}
	if t.code {
		maps.Copy(o, ownCode(m.Config, t))
	}
	if t.class.config != nil {
		t.class.config(o, m.Config, t.code)
	}
	return indented(o)
}

func sizes(c *model.Config, remote bool) object {
	all := c.Layers[0]
	if remote {
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

// globalSizes are sizes for the fields of pruned_* models that stand for all
// layers, which LlamaConfig checks: the largest layer's, with more KV groups
// until the heads divide the hidden size (one head always does).
func globalSizes(c *model.Config) model.Layer {
	most := mostHeads(c)
	for _, l := range c.Layers {
		most.Intermediate = max(most.Intermediate, l.Intermediate)
	}
	group := most.Group()
	for c.HiddenSize%most.Heads != 0 {
		if most.Heads > c.HiddenSize {
			most.Heads, most.KVHeads = 1, 1
			return most
		}
		most.Heads, most.KVHeads = most.Heads+group, most.KVHeads+1
	}
	return most
}

// mostHeads is the first of the layers with the most query heads.
func mostHeads(c *model.Config) model.Layer {
	most := c.Layers[0]
	for _, l := range c.Layers {
		if l.Heads > most.Heads {
			most = l
		}
	}
	return most
}

// ownCode is what a pruned_* model has beyond its class: the sizes of each layer, and where
// the code is.
func ownCode(c *model.Config, t *hfTarget) object {
	var heads, kv, mlp []int
	for _, l := range c.Layers {
		heads, kv, mlp = append(heads, l.Heads), append(kv, l.KVHeads), append(mlp, l.Intermediate)
	}
	modelType, class := "pruned_"+t.class.modelType, "Pruned"+t.class.inner()
	auto := map[string]string{
		"AutoConfig":           "configuration_" + modelType + "." + class + "Config",
		"AutoModel":            "modeling_" + modelType + "." + class + "Model",
		"AutoModelForCausalLM": "modeling_" + modelType + "." + t.name,
	}
	return object{"model_type": modelType, headsPerLayer: heads, kvHeadsPerLayer: kv, intermediatePerLayer: mlp, "auto_map": auto}
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
