package model

import "fmt"

// The names of layer_types.
const (
	SlidingLayer = "sliding_attention"
	FullLayer    = "full_attention"
)

// slide gives the layers the window of sliding_window, of which null says that there is none.
func slide(h *hfConfig, c *Config) error {
	if h.SlidingWindow != nil {
		c.slide(*h.SlidingWindow)
	}
	return nil
}

// slide gives every layer a window of w keys; one as long as the context hides nothing.
func (c *Config) slide(w int) {
	if w >= c.MaxPositions {
		return
	}
	for i := range c.Layers {
		c.Layers[i].Window = w
	}
}

// slideTypes gives the layers that slide by layer_types the window of sliding_window; sees
// says which see all keys where a file has no layer_types.
func (h *hfConfig) slideTypes(c *Config, sees func(layer int) bool) error {
	if h.LayerTypes == nil {
		for i := range c.Layers {
			kind := SlidingLayer
			if sees(i) {
				kind = FullLayer
			}
			h.LayerTypes = append(h.LayerTypes, kind)
		}
	}
	if len(h.LayerTypes) != len(c.Layers) {
		return fmt.Errorf("layer_types has %d entries, the model %d layers", len(h.LayerTypes), len(c.Layers))
	}
	for i, kind := range h.LayerTypes {
		switch {
		case kind == SlidingLayer && h.SlidingWindow != nil && *h.SlidingWindow > 0:
			c.Layers[i].Window = *h.SlidingWindow
		case kind == SlidingLayer:
			return fmt.Errorf("layer_types has a %s, but sliding_window is no positive number", kind)
		case kind != FullLayer:
			return fmt.Errorf("layer_types %q is not supported, known are %s, %s", kind, SlidingLayer, FullLayer)
		}
	}
	return nil
}

// fullEvery says that every n-th layer sees all keys.
func fullEvery(n int) func(layer int) bool {
	return func(layer int) bool { return (layer+1)%n == 0 }
}
