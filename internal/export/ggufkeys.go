package export

import (
	"fmt"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// allKeys is the metadata of the file. The Go types matter: llama.cpp checks
// them (llama-model-loader.cpp, get_key).
func (f *ggufFile) allKeys(m Model, d tensor.DType) ([]checkpoint.KeyValue, error) {
	kv := []checkpoint.KeyValue{
		{Key: "general.architecture", Value: f.name},
		{Key: "general.type", Value: "model"},
		{Key: "general.name", Value: m.Name},
	}
	if t, ok := fileType(d); ok {
		kv = append(kv, checkpoint.KeyValue{Key: "general.file_type", Value: t})
	}
	if d.Quantized() {
		kv = append(kv, checkpoint.KeyValue{Key: "general.quantization_version", Value: uint32(2)}) // GGML_QNT_VERSION
	}
	add := func(key string, value any) {
		kv = append(kv, checkpoint.KeyValue{Key: f.name + "." + key, Value: value})
	}
	add("block_count", uint32(len(f.Layers)))
	add("context_length", uint32(f.context))
	add("embedding_length", uint32(f.HiddenSize))
	add("vocab_size", uint32(f.VocabSize))
	add("feed_forward_length", perLayer(f.Config, func(l model.Layer) int { return l.Intermediate }))
	add("attention.head_count", perLayer(f.Config, func(l model.Layer) int { return l.Heads }))
	add("attention.head_count_kv", perLayer(f.Config, func(l model.Layer) int { return l.KVHeads }))
	// Always, since llama.cpp otherwise divides the hidden size by the heads of layer 0.
	add("attention.key_length", uint32(f.HeadDim))
	add("attention.value_length", uint32(f.HeadDim))
	add("rope.dimension_count", uint32(f.Rotary()))
	add("attention.layer_norm_rms_epsilon", float32(f.NormEps))
	add("rope.freq_base", float32(f.Rope.Theta))
	ropeKeys(add, f.Config)
	if f.keys != nil {
		f.keys(f.Config, add)
	}
	vocab, err := vocabKeys(m)
	return append(kv, vocab...), err
}

// perLayer is one number, or one a layer where they differ.
func perLayer(c *model.Config, size func(model.Layer) int) any {
	if c.Uniform() {
		return uint32(size(c.Layers[0]))
	}
	sizes := make([]int32, len(c.Layers))
	for i, l := range c.Layers {
		sizes[i] = int32(size(l))
	}
	return sizes
}

// vocabKeys is the tokenizer, padded to one token an embedding row. Without
// one the file says so: llama.cpp then loads it for token ids alone.
func vocabKeys(m Model) ([]checkpoint.KeyValue, error) {
	if m.Vocab == nil {
		return []checkpoint.KeyValue{{Key: "tokenizer.ggml.model", Value: "no_vocab"}}, nil
	}
	v := *m.Vocab
	v.Tokens, v.Scores, v.Types = slices.Clone(v.Tokens), slices.Clone(v.Scores), slices.Clone(v.Types)
	if err := v.Pad(m.Config.VocabSize); err != nil {
		return nil, fmt.Errorf("%w; write a Hugging Face folder, which holds both as they are", err)
	}
	var kv []checkpoint.KeyValue
	pairs, err := v.GGUF()
	if err != nil {
		return nil, fmt.Errorf("%w; write a Hugging Face folder, which keeps tokenizer.json as it is", err)
	}
	for _, p := range pairs {
		kv = append(kv, checkpoint.KeyValue(p))
	}
	return kv, nil
}
