package model

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
