package model

import (
	"encoding/json"
	"reflect"
	"testing"
)

// Lists with an entry a layer and numbers of layers are those of the layers that stay;
// all else is left alone, lists of other lengths too.
func TestKeepRawLayers(t *testing.T) {
	raw := decoded(t, `{"num_hidden_layers": 5, "layer_types": ["a", "b", "c", "d", "e"], "no_rope_layers": [1, 1, 0, 1, 1],
		"intermediate_size_per_layer": [1, 2, 3], "max_window_layers": 3, "eos_token_id": [1, 2, 3, 4, 5], "other": {"x": [1, 2, 3, 4, 5]}}`)
	want := decoded(t, `{"num_hidden_layers": 3, "layer_types": ["a", "d", "e"], "no_rope_layers": [1, 1, 1],
		"intermediate_size_per_layer": [1, 2, 3], "max_window_layers": 1, "eos_token_id": [1, 2, 3, 4, 5], "other": {"x": [1, 2, 3, 4, 5]}}`)
	if got := KeepRawLayers(raw, []int{0, 3, 4}); !reflect.DeepEqual(values(t, got), values(t, want)) {
		t.Errorf("%s", got)
	}
	for before, after := range map[string]string{"0": "0", "4": "2", "28": "3", "null": "null"} {
		raw["max_window_layers"] = json.RawMessage(before)
		if got := KeepRawLayers(raw, []int{0, 3, 4}); string(got["max_window_layers"]) != after {
			t.Errorf("%s layers before the first with a window: %s, want %s", before, got["max_window_layers"], after)
		}
	}
	if KeepRawLayers(nil, []int{0}) != nil {
		t.Error("no config.json became one")
	}
	without := decoded(t, `{"layer_types": ["a"]}`)
	if got := KeepRawLayers(without, []int{}); !reflect.DeepEqual(got, without) {
		t.Errorf("without a number of layers: %s", got)
	}
}

func decoded(t *testing.T, text string) (raw map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// values is raw without the blanks of its text.
func values(t *testing.T, raw map[string]json.RawMessage) (v map[string]any) {
	t.Helper()
	data, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
