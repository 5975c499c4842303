package model

import (
	"encoding/json"
	"slices"
)

// KeepLayers is c with just these of its layers, in their order; what differs between
// layers goes with them.
func (c *Config) KeepLayers(kept []int) *Config {
	layers := make([]Layer, len(kept))
	for i, l := range kept {
		layers[i] = c.Layers[l]
	}
	return c.WithLayers(layers)
}

// perLayerKeys are the lists of a config.json with an entry a layer.
var perLayerKeys = []string{"layer_types", "no_rope_layers", "num_attention_heads_per_layer", "num_key_value_heads_per_layer", "intermediate_size_per_layer"}

// KeepRawLayers is a config.json with just these of its layers: its number of layers,
// its lists with an entry a layer, and Qwen's number of layers before the first with a window.
// Lists of another length are left as they are.
func KeepRawLayers(raw map[string]json.RawMessage, kept []int) map[string]json.RawMessage {
	var layers int
	var before *int
	if raw == nil || json.Unmarshal(raw["num_hidden_layers"], &layers) != nil {
		return raw
	}
	cut := map[string]json.RawMessage{}
	for key, value := range raw {
		var list []json.RawMessage
		if slices.Contains(perLayerKeys, key) && json.Unmarshal(value, &list) == nil && len(list) == layers {
			value = encoded(entries(list, kept))
		}
		cut[key] = value
	}
	cut["num_hidden_layers"] = encoded(len(kept))
	if json.Unmarshal(raw["max_window_layers"], &before) == nil && before != nil {
		n, _ := slices.BinarySearch(kept, *before)
		cut["max_window_layers"] = encoded(n)
	}
	return cut
}

// entries are those of list with the indices in kept.
func entries(list []json.RawMessage, kept []int) []json.RawMessage {
	var some []json.RawMessage
	for _, l := range kept {
		some = append(some, list[l])
	}
	return some
}

// encoded is numbers and lists of what was JSON, which always encode.
func encoded(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}
