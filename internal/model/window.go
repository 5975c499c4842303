package model

import "math"

// windowUnsaid stands for a sliding_window that is not there, which is not one that is null.
const windowUnsaid = math.MinInt

// slide gives the layers the window of sliding_window; one as long as the context hides nothing.
func (h *hfConfig) slide(c *Config) {
	if h.SlidingWindow == nil {
		return
	}
	w := *h.SlidingWindow
	if w == windowUnsaid && c.Family == &mistral {
		w = 4096 // MistralConfig
	}
	if w != windowUnsaid {
		c.slide(w)
	}
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
