package tokenizer

import (
	"encoding/json"
	"slices"
)

// turnEnds are special tokens that end an answer, by whatever number: those of the families here
// among the names that llama.cpp looks for (src/llama-vocab.cpp).
var turnEnds = []string{"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"}

// endsByName says whether a token ends an answer by its name.
func (v *Vocab) endsByName(id int) bool {
	return v.literal(id) && slices.Contains(turnEnds, v.Tokens[id])
}

// Ends are the tokens at which a continuation ends: EOS first, then those that the files name, and those
// that are known by their names; a model that talks ends its turns with another than EOS.
func (v *Vocab) Ends() (ids []int) {
	add := func(id int) {
		if id >= 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	add(v.EOS)
	for _, id := range v.TurnEnds {
		add(id)
	}
	for id := range v.Tokens {
		if v.endsByName(id) {
			add(id)
		}
	}
	return ids
}

// readEnds takes eos_token_id of a generation_config.json or config.json: a number, or a list of them.
func (v *Vocab) readEnds(config map[string]json.RawMessage) {
	ids, _ := value[[]int](config["eos_token_id"])
	if id, ok := value[int](config["eos_token_id"]); ok {
		ids = []int{id}
	}
	for _, id := range ids {
		if id >= 0 && id < len(v.Tokens) && id != v.EOS && !slices.Contains(v.TurnEnds, id) {
			v.TurnEnds = append(v.TurnEnds, id)
		}
	}
}

// unnamedEnd is a token that ends turns and that nobody knows by its name, -1 where there is none.
func (v *Vocab) unnamedEnd() int {
	for _, id := range v.TurnEnds {
		if !v.endsByName(id) {
			return id
		}
	}
	return -1
}
