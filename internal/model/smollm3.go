package model

import "fmt"

// smollm3 is a Llama of which every fourth layer knows no positions: its q and k do not turn.
var smollm3 = Family{
	Name:       "smollm3",
	ModelTypes: []string{"smollm3", "pruned_smollm3"},
	GGUFArchs:  []string{"smollm3"},
	layer:      llama.layer,
	optional:   Biases,
	defaults: func() hfConfig { // SmolLM3Config
		return hfConfig{NumKVHeads: new(4), MaxPositions: 32768, NoRopeInterval: smollm3Interval, RopeTheta: new(2e6), Tied: true}
	},
	fromHF:   smollm3HF,
	fromGGUF: smollm3GGUF,
}

const smollm3Interval = 4 // one layer of so many knows no positions

func smollm3HF(h *hfConfig, c *Config) error {
	if h.NoRopeInterval < 1 {
		return fmt.Errorf("no_rope_layer_interval is %d, want 1 or more", h.NoRopeInterval)
	}
	if h.RopeLayers == nil {
		c.noRopeEvery(h.NoRopeInterval)
		return nil
	}
	if len(h.RopeLayers) < len(c.Layers) {
		return fmt.Errorf("no_rope_layers has %d entries, the model %d layers", len(h.RopeLayers), len(c.Layers))
	}
	for i := range c.Layers {
		if h.RopeLayers[i] == 0 {
			c.Layers[i].Positions = NoRope
		}
	}
	return nil
}

// smollm3GGUF: files have no key for it (llama.cpp, src/models/smollm3.cpp).
func smollm3GGUF(_ *keys, c *Config) { c.noRopeEvery(smollm3Interval) }

// noRopeEvery takes the positions of every n-th layer.
func (c *Config) noRopeEvery(n int) {
	for i := range c.Layers {
		if (i+1)%n == 0 {
			c.Layers[i].Positions = NoRope
		}
	}
}
