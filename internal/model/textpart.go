package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// wholes are the model types of models that see pictures too, whose text part stands in
// text_config of their config.json.
var wholes = []string{"mistral3", "gemma3"}

// fromWhole are keys of the whole model that hold for its text part where that lacks them.
var fromWhole = []string{"tie_word_embeddings", "dtype", "torch_dtype", "bos_token_id", "eos_token_id", "pad_token_id"}

// TextPart is the config.json of the text part of a model that sees pictures too, and true; raw
// itself and false if it is that of a model of text alone.
func TextPart(raw map[string]json.RawMessage) (map[string]json.RawMessage, bool, error) {
	var kind string
	json.Unmarshal(raw["model_type"], &kind) // what is no string is no such type
	if !slices.Contains(wholes, kind) {
		return raw, false, nil
	}
	var text map[string]json.RawMessage
	if err := json.Unmarshal(raw["text_config"], &text); err != nil || text["model_type"] == nil {
		return nil, false, fmt.Errorf("model_type %q needs a text_config with a model_type of its own", kind)
	}
	for _, key := range fromWhole {
		if text[key] == nil && raw[key] != nil {
			text[key] = raw[key]
		}
	}
	return text, true, nil
}

// textPart is TextPart of a whole file.
func textPart(data []byte) ([]byte, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("not a model configuration: %w", err)
	}
	text, part, err := TextPart(raw)
	if err != nil || !part {
		return data, err
	}
	return json.Marshal(text)
}
