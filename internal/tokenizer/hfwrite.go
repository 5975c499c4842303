package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

type object = map[string]any

// HF gives the files of a Hugging Face tokenizer, contents by name, with which transformers'
// AutoTokenizer gives the same ids: tokenizer.json, tokenizer_config.json, special_tokens_map.json.
func (v *Vocab) HF() (map[string][]byte, error) {
	if err := v.validate(); err != nil {
		return nil, err
	}
	var main object
	switch v.Model {
	case "llama":
		var err error
		if main, err = v.hfLlama(); err != nil {
			return nil, err
		}
	case "gpt2":
		if _, ok := pres[v.Pre]; !ok {
			return nil, unsupported("pre-tokenizer %q (known: %s)", v.Pre, knownPres())
		}
		main = v.hfByteLevel()
	default:
		return nil, unsupported("model %q (known: llama, gpt2)", v.Model)
	}
	main["version"], main["truncation"], main["padding"] = "1.0", nil, nil
	main["added_tokens"] = v.hfAdded()
	files := make(map[string][]byte)
	for name, content := range map[string]object{
		"tokenizer.json":          main,
		"tokenizer_config.json":   v.hfConfig(),
		"special_tokens_map.json": v.hfSpecials(),
	} {
		data, err := marshal(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = data
	}
	return files, nil
}

func marshal(content object) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(content)
	return b.Bytes(), err
}

func (v *Vocab) hfLlama() (object, error) {
	model := v.hfModel()
	model["byte_fallback"], model["fuse_unk"] = v.Types == nil || slices.Contains(v.Types, Byte), !v.SplitUnknown
	if len(v.Merges) == 0 {
		merges, err := v.splits(func(id int) float32 { return v.Scores[id] })
		if err != nil {
			return nil, err
		}
		model["merges"] = merges
	}
	normalizer, pre := v.hfBlanks()
	decoders := []object{
		replace("String", blank, " "),
		{"type": "ByteFallback"},
		{"type": "Fuse"},
	}
	if v.AddSpacePrefix {
		decoders = append(decoders, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return object{
		"normalizer":     normalizer,
		"pre_tokenizer":  pre,
		"post_processor": v.hfTemplate(),
		"decoder":        object{"type": "Sequence", "decoders": decoders},
		"model":          model,
	}, nil
}

func (v *Vocab) hfByteLevel() object {
	p := pres[v.Pre]
	own := p.regex == ""
	steps := []object{}
	if p.digits {
		steps = append(steps, object{"type": "Digits", "individual_digits": true})
	}
	if !own {
		steps = append(steps, object{"type": "Split", "pattern": object{"Regex": p.regex}, "behavior": "Isolated", "invert": false})
	}
	level := object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": own}
	var pre any = level
	if len(steps) > 0 {
		pre = object{"type": "Sequence", "pretokenizers": append(steps, level)}
	}
	model := v.hfModel()
	model["ignore_merges"] = v.IgnoreMerges
	o := object{"normalizer": sequence(v.hfNormalizers()), "pre_tokenizer": pre, "post_processor": v.hfTemplate(), "decoder": level, "model": model}
	if o["post_processor"] == nil {
		o["post_processor"] = level
	}
	return o
}

func (v *Vocab) hfModel() object {
	vocab := make(map[string]int, len(v.Tokens))
	for id, t := range v.Tokens {
		vocab[t] = id
	}
	return object{
		"type": "BPE", "dropout": nil, "unk_token": v.hfToken(v.UNK), "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
		"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": v.Merges,
	}
}

func (v *Vocab) hfToken(id int) any {
	if id < 0 {
		return nil
	}
	return v.Tokens[id]
}

func (v *Vocab) hfAdded() []object {
	added := []object{}
	for id, t := range v.Tokens {
		how, ok := v.Added[id]
		if v.Added == nil && !v.literal(id) || v.Added != nil && !ok {
			continue
		}
		added = append(added, object{"id": id, "content": t, "single_word": how.SingleWord, "lstrip": how.LStrip, "rstrip": how.RStrip,
			"normalized": how.Normalized, "special": v.kind(id) != UserDefined})
	}
	return added
}

// hfTemplate puts BOS before and EOS after the sequence; nil where neither is wanted.
func (v *Vocab) hfTemplate() any {
	bos, eos := v.AddBOS && v.BOS >= 0, v.AddEOS && v.EOS >= 0
	if !bos && !eos {
		return nil
	}
	specials := object{}
	around := func(sequence string, segment int) []object {
		items := []object{{"Sequence": object{"id": sequence, "type_id": segment}}}
		special := func(id int) object {
			t := v.Tokens[id]
			specials[t] = object{"id": t, "ids": []int{id}, "tokens": []string{t}}
			return object{"SpecialToken": object{"id": t, "type_id": segment}}
		}
		if bos {
			items = append([]object{special(v.BOS)}, items...)
		}
		if eos {
			items = append(items, special(v.EOS))
		}
		return items
	}
	single := around("A", 0)
	return object{"type": "TemplateProcessing", "single": single, "pair": append(around("A", 0), around("B", 1)...), "special_tokens": specials}
}

// hfConfig names the class that takes tokenizer.json as it is: transformers 5 rebuilds the
// pipeline of LlamaTokenizer and others by its own rules.
func (v *Vocab) hfConfig() object {
	config := v.hfSpecials()
	config["tokenizer_class"] = "PreTrainedTokenizerFast"
	config["clean_up_tokenization_spaces"] = false
	config["add_bos_token"], config["add_eos_token"] = v.AddBOS, v.AddEOS
	if t := v.hfTemplates(); t != nil {
		config["chat_template"] = t
	}
	return config
}

func (v *Vocab) hfSpecials() object {
	o := object{}
	for name, text := range v.SpecialTokens() {
		o[name] = text
	}
	return o
}

// SpecialTokens are the texts of BOS, EOS and others by their names in Hugging Face files: bos_token, eos_token, ...
func (v *Vocab) SpecialTokens() map[string]string {
	tokens := map[string]string{}
	for _, s := range v.specialIDs() {
		if *s.id >= 0 {
			tokens[s.name+"_token"] = v.Tokens[*s.id]
		}
	}
	return tokens
}
