package export

import (
	"slices"

	"moreau/internal/model"
)

// oneWindow: all layers that have a sliding window have the same.
func oneWindow(c *model.Config) string {
	for _, l := range c.Layers {
		if l.Window > 0 && l.Window != c.Window() {
			return "has one length for all sliding windows, this model several"
		}
	}
	return ""
}

// qwenConfig writes windows: by layer_types, and by max_window_layers for versions of
// transformers that do not read them.
func qwenConfig(o object, c *model.Config, _ bool) {
	if c.Window() == 0 {
		if _, ok := o["use_sliding_window"]; ok {
			o["use_sliding_window"] = false
		}
		return
	}
	o["use_sliding_window"] = true
	o["max_window_layers"] = slices.IndexFunc(c.Layers, func(l model.Layer) bool { return l.Window > 0 })
	layerTypes(o, c)
}
