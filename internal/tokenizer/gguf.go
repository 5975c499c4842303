package tokenizer

import (
	"fmt"
	"strings"
)

// KeyValue is one GGUF metadata entry. Value is a string, bool, uint32, []string, []int32 or
// []float32: the strict types that llama.cpp wants.
type KeyValue struct {
	Key   string
	Value any
}

const ggml = "tokenizer.ggml."

// preAliases are other names for the same pre-tokenizers in llama.cpp (src/llama-vocab.cpp), and
// "gpt2" of older files.
var preAliases = map[string]string{
	"llama3": "llama-bpe", "llama-v3": "llama-bpe", "falcon3": "llama-bpe", "pixtral": "llama-bpe", "lfm2": "llama-bpe",
	"gpt2": "gpt-2", "phi-2": "gpt-2", "mellum": "gpt-2",
	"deepseek-r1-qwen": "qwen2", "megrez": "qwen2",
}

// FromGGUF reads the tokenizer.ggml.* keys of GGUF metadata; what is absent gets llama.cpp's
// defaults. The caller names the file in front of the error.
func FromGGUF(kv map[string]any) (*Vocab, error) {
	g := &ggufReader{kv: kv}
	v := &Vocab{
		Model:        get(g, ggml+"model", ""),
		Pre:          get(g, ggml+"pre", "default"),
		Tokens:       get(g, ggml+"tokens", []string(nil)),
		Scores:       get(g, ggml+"scores", []float32(nil)),
		Types:        g.types(),
		ChatTemplate: get(g, ggufTemplate, ""),
	}
	g.otherTemplates(v)
	if alias, ok := preAliases[v.Pre]; ok {
		v.Pre = alias
	}
	llama := v.Model == "llama"
	if v.Model == "gpt2" {
		v.Scores = nil
		v.Merges = get(g, ggml+"merges", []string(nil))
		v.preDefaults()
	}
	v.AddBOS = get(g, ggml+"add_bos_token", llama || v.Pre == "llama-bpe")
	v.AddEOS = get(g, ggml+"add_eos_token", false)
	v.AddSpacePrefix = get(g, ggml+"add_space_prefix", llama)
	v.RemoveExtraSpaces = llama && get(g, ggml+"remove_extra_whitespaces", false)
	g.specialIDs(v)
	for _, key := range []string{"eot_token_id", "eom_token_id"} {
		end := -1
		if g.id(key, &end); end >= 0 && end != v.EOS {
			v.TurnEnds = append(v.TurnEnds, end)
		}
	}
	switch {
	case g.err != nil:
		return nil, g.err
	case v.Model == "" || v.Model == "no_vocab":
		return nil, ErrNone
	}
	return v, v.validate()
}

// ggufReader keeps the first error, so that the keys can be read in one expression.
type ggufReader struct {
	kv  map[string]any
	err error
}

func get[T any](g *ggufReader, key string, absent T) T {
	value, ok := g.kv[key]
	if !ok {
		return absent
	}
	t, ok := value.(T)
	if !ok && g.err == nil {
		g.err = corrupt("%s is %T, want %T", key, value, absent)
	}
	return t
}

// types reads the token types, which some writers store unsigned.
func (g *ggufReader) types() []int32 {
	unsigned, ok := g.kv[ggml+"token_type"].([]uint32)
	if !ok {
		return get(g, ggml+"token_type", []int32(nil))
	}
	types := make([]int32, len(unsigned))
	for i, t := range unsigned {
		types[i] = int32(t)
	}
	return types
}

func (g *ggufReader) specialIDs(v *Vocab) {
	v.BOS, v.EOS, v.UNK, v.PAD = -1, -1, -1, -1
	if v.Model == "llama" {
		v.BOS, v.EOS, v.UNK = 1, 2, 0
	}
	for _, s := range v.specialIDs() {
		g.id(s.gguf, s.id)
	}
}

// id reads a token's id, which stays as it is where there is none.
func (g *ggufReader) id(key string, to *int) {
	switch id := g.kv[ggml+key].(type) {
	case nil:
	case uint32:
		*to = int(id)
		if id == 1<<32-1 {
			*to = -1 // how some writers say "none"
		}
	case int32:
		*to = int(id)
	default:
		g.err = corrupt("%s%s is %T, want uint32", ggml, key, id)
	}
}

// preDefaults sets what the name of the pre-tokenizer implies where no tokenizer.json says otherwise.
func (v *Vocab) preDefaults() {
	v.IgnoreMerges, v.Normalizers = pres[v.Pre].ignoreMerges, nil
	if pres[v.Pre].nfc {
		v.Normalizers = []Normalizer{{Type: "NFC"}}
	}
}

// unsayable names what GGUF has no place for and what makes other ids of ordinary text. Metaspace,
// how added tokens are found and NFC, whose ids differ in rare places, pass (docs/formats/tokenizers.md).
func (v *Vocab) unsayable() error {
	for _, n := range v.Normalizers {
		if n.Type != "NFC" {
			return unsupported("GGUF has no place for the normalizer %s", n.Type)
		}
	}
	if v.IgnoreMerges && !pres[v.Pre].ignoreMerges {
		return unsupported("GGUF has no place for ignore_merges with the pre-tokenizer %q", v.Pre)
	}
	for id, t := range v.Tokens {
		if v.SplitBlanks && v.kind(id) == Normal && strings.LastIndex(t, blank) > 0 {
			return unsupported("GGUF has no place for Metaspace's split, and token %d %.40q has a blank inside", id, t)
		}
	}
	return nil
}

// GGUF gives the metadata entries that store the vocabulary, in a fixed order, with the types
// llama.cpp wants. The error chain holds ErrUnsupported where llama.cpp would give other ids for
// ordinary text.
func (v *Vocab) GGUF() ([]KeyValue, error) {
	if err := v.unsayable(); err != nil {
		return nil, err
	}
	llama := v.Model == "llama"
	kv := []KeyValue{
		{ggml + "model", v.Model},
		{ggml + "pre", v.Pre},
		{ggml + "tokens", v.Tokens},
	}
	if llama {
		kv = append(kv, KeyValue{ggml + "scores", v.Scores})
	}
	kv = append(kv, KeyValue{ggml + "token_type", v.allTypes()})
	if !llama {
		kv = append(kv, KeyValue{ggml + "merges", v.Merges})
	}
	for _, s := range v.specialIDs() {
		if *s.id >= 0 {
			kv = append(kv, KeyValue{ggml + s.gguf, uint32(*s.id)})
		}
	}
	if id := v.unnamedEnd(); id >= 0 {
		kv = append(kv, KeyValue{ggml + "eot_token_id", uint32(id)})
	}
	kv = append(kv, KeyValue{ggml + "add_bos_token", v.AddBOS}, KeyValue{ggml + "add_eos_token", v.AddEOS})
	if llama {
		kv = append(kv, KeyValue{ggml + "add_space_prefix", v.AddSpacePrefix})
	}
	if v.RemoveExtraSpaces {
		kv = append(kv, KeyValue{ggml + "remove_extra_whitespaces", true})
	}
	return append(kv, v.ggufTemplates()...), nil
}

func (v *Vocab) allTypes() []int32 {
	if v.Types != nil {
		return v.Types
	}
	types := make([]int32, len(v.Tokens))
	for i := range types {
		types[i] = Normal
	}
	return types
}

// String names the vocabulary in a few words, for plans and reports.
func (v *Vocab) String() string {
	return fmt.Sprintf("%s/%s, %d tokens", v.Model, v.Pre, len(v.Tokens))
}
