package tokenizer

import (
	"path/filepath"
	"slices"
	"testing"
)

// What transformers 5.23's AutoTokenizer puts before "Hello world": by the template of
// TinyLlama's tokenizer.json, and of Llama 2's tokenizer.model where add_bos_token says so.
func TestEncodeBOS(t *testing.T) {
	for _, name := range []string{"tinyllama", "llama2"} {
		v, err := FromHF(filepath.Dir(need(t, "data/tokenizers/"+name+"/tokenizer"+map[string]string{"tinyllama": ".json", "llama2": ".model"}[name])))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := New(v)
		if err != nil {
			t.Fatal(err)
		}
		if !v.AddBOS {
			t.Errorf("%s adds no BOS", name)
		}
		for _, text := range []string{"Hello world", "<s> Hello world"} { // one is enough
			ids := EncodeBOS(tok, text)
			if len(ids) < 3 || ids[0] != 1 || slices.Contains(ids[1:], 1) || text == "Hello world" && !slices.Equal(ids, []int{1, 15043, 3186}) {
				t.Errorf("%s: %q is %v", name, text, ids)
			}
		}
	}
}

// The Llama 3 list of ranks comes without any word on BOS; Meta's program adds it.
func TestLlama3AddsBOS(t *testing.T) {
	v, err := FromHF(filepath.Dir(need(t, "data/tokenizers/llama3/tokenizer.model")))
	if err != nil || !v.AddBOS || v.Tokens[v.BOS] != "<|begin_of_text|>" {
		t.Errorf("BOS %d, added %v; %v", v.BOS, v.AddBOS, err)
	}
}
