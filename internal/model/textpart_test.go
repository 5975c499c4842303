package model

import (
	"encoding/json"
	"strings"
	"testing"
)

const textSizes = `"hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 2, "vocab_size": 8`

func TestTextPart(t *testing.T) {
	for _, c := range []struct{ config, family, refused string }{
		{`{"model_type": "mistral3", "text_config": {"model_type": "mistral", "num_attention_heads": 2, ` + textSizes + `}}`, "mistral", ""},
		{`{"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", ` + textSizes + `}}`, "gemma3", ""},
		{`{"model_type": "mistral3", ` + textSizes + `}`, "", "needs a text_config"},
		{`{"model_type": "mistral3", "text_config": {` + textSizes + `}}`, "", "model_type of its own"},
		{`{"model_type": "mistral3", "text_config": {"model_type": "mamba"}}`, "", `"mamba" is not supported`},
		{`{"model_type": "idefics3", "text_config": {"model_type": "llama"}}`, "", `"idefics3" is not supported`},
	} {
		cfg, err := FromHF([]byte(c.config))
		switch {
		case c.refused != "":
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", c.config, err, c.refused)
			}
		case err != nil:
			t.Errorf("%s: %v", c.config, err)
		case cfg.Family.Name != c.family || cfg.HiddenSize != 16:
			t.Errorf("%s: a %s with a hidden size of %d", c.config, cfg.Family.Name, cfg.HiddenSize)
		}
	}
}

// What the whole model says holds for its text part, unless that says otherwise.
func TestTextPartTakesFromTheWhole(t *testing.T) {
	var raw map[string]json.RawMessage
	config := `{"model_type": "mistral3", "tie_word_embeddings": true, "dtype": "float32", "image_token_index": 10, "text_config": {"model_type": "mistral", "dtype": "bfloat16"}}`
	if err := json.Unmarshal([]byte(config), &raw); err != nil {
		t.Fatal(err)
	}
	text, part, err := TextPart(raw)
	if err != nil || !part || len(text) != 3 || string(text["tie_word_embeddings"]) != "true" || string(text["dtype"]) != `"bfloat16"` {
		t.Errorf("%s, %v, %v", text, part, err)
	}
	if whole, part, err := TextPart(text); err != nil || part || len(whole) != 3 {
		t.Errorf("a model of text alone: %s, %v, %v", whole, part, err)
	}
}
