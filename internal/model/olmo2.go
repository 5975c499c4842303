package model

// olmo2 covers OLMo 2: norms stand behind attention and MLP and none before, and q and k have one
// norm each over all heads together. Its GGUF files are OLMo 3's too.
var olmo2 = Family{
	Name:       "olmo2",
	ModelTypes: []string{"olmo2", "pruned_olmo2"},
	GGUFArchs:  []string{"olmo2"},
	layer: []layout{
		qRow, qWideNormRow,
		kRow, kWideNormRow,
		vRow, oRow, postAttnNormRow,
		gateRow, upRow, downRow, postMLPNormRow,
	},
	defaults: func() hfConfig { return hfConfig{NormEps: new(1e-5)} }, // Olmo2Config
	fromGGUF: olmo2GGUF,
}

// olmo3 is an OLMo 2 with a window over the keys of three layers of four, of which RoPE is not scaled.
var olmo3 = Family{
	Name:       "olmo3",
	ModelTypes: []string{"olmo3", "pruned_olmo3"},
	layer:      olmo2.layer,
	defaults: func() hfConfig { // Olmo3Config
		return hfConfig{NormEps: new(1e-5), SlidingWindow: new(4096), RopeTheta: new(5e5)}
	},
	fromHF: olmo3HF,
}

const olmo3Pattern = 4 // one layer of so many sees all keys

func olmo3HF(h *hfConfig, c *Config) error {
	if err := h.slideTypes(c, fullEvery(olmo3Pattern)); err != nil {
		return err
	}
	h.turnLocally(c)
	return nil
}

// olmo2GGUF reads what llama.cpp does (src/models/olmo2.cpp): layers with a window turn by the same
// theta, unscaled.
func olmo2GGUF(k *keys, c *Config) {
	window := k.sizeOr("attention.sliding_window", 0)
	if window == 0 {
		return
	}
	c.LocalRope = Rope{Theta: c.Rope.Theta}
	for i, slides := range k.windowPattern(len(c.Layers), olmo3Pattern) {
		if slides {
			c.Layers[i].Window, c.Layers[i].Positions = window, LocalRope
		}
	}
}
