package model

import "fmt"

// gemma3 is the text model of Gemma 3: a Gemma 2 without soft caps, with norms of each head of
// q and k, and a window over the keys of all but every sixth layer. Layers with a window turn
// by a theta of their own.
var gemma3 = Family{
	Name:       "gemma3",
	ModelTypes: []string{"gemma3_text", "pruned_gemma3_text"},
	GGUFArchs:  []string{"gemma3"},
	layer: []layout{
		attnNormRow, qRow, qNormRow, kRow, kNormRow, vRow, oRow, postAttnNormRow,
		preMLPNormRow, gateRow, upRow, downRow, postMLPNormRow,
	},
	tied: true,

	math:           Math{Activation: GELU, NormOffset: 1},
	scaleEmbedding: true,
	defaults:       gemma3Defaults,
	fromHF:         gemma3HF,
	fromGGUF:       gemma3GGUF,
}

const (
	gemma3Pattern    = 6     // one layer of so many sees all keys
	gemma3LocalTheta = 10000 // of layers with a window
)

// gemma3Defaults are those of Gemma3TextConfig.
func gemma3Defaults() hfConfig {
	return hfConfig{VocabSize: 262208, NumHeads: 8, NumKVHeads: new(4), HeadDim: new(256), MaxPositions: 131072, Tied: true,
		QueryScalar: 256, SlidingWindow: new(4096), WindowPattern: gemma3Pattern,
		RopeTheta: new(1e6), LocalTheta: new(float64(gemma3LocalTheta))}
}

func gemma3HF(h *hfConfig, c *Config) error {
	if h.ScoreCap != nil {
		return fmt.Errorf("attn_logit_softcapping is not supported for %s, whose scores have no cap", h.ModelType)
	}
	if err := h.scoresAndCaps(c); err != nil {
		return err
	}
	if h.WindowPattern < 1 {
		return fmt.Errorf("sliding_window_pattern is %d, want 1 or more", h.WindowPattern)
	}
	if err := h.slideTypes(c, fullEvery(h.WindowPattern)); err != nil {
		return err
	}
	h.turnLocally(c)
	return nil
}

// gemma3GGUF reads what llama.cpp does (src/models/gemma3.cpp): without a window, all layers
// see all keys and turn alike.
func gemma3GGUF(k *keys, c *Config) {
	c.LogitCap = float32(k.floatOr("final_logit_softcapping", 0))
	c.divideScores(c.Gemma3QueryScalar())
	c.LocalRope = Rope{Theta: k.floatOr("rope.freq_base_swa", gemma3LocalTheta)}
	window := k.sizeOr("attention.sliding_window", 0)
	if window == 0 {
		return
	}
	for i, slides := range k.windowPattern(len(c.Layers), gemma3Pattern) {
		if slides {
			c.Layers[i].Window, c.Layers[i].Positions = window, LocalRope
		}
	}
}

// Gemma3QueryScalar is the number by whose root llama.cpp divides the scores of a gemma3 of these
// sizes, since the file has no key for it: Gemma 3 27B, which alone has 62 layers, divides
// otherwise than by the head size (src/models/gemma3.cpp).
func (c *Config) Gemma3QueryScalar() int {
	if len(c.Layers) == 62 {
		return c.HiddenSize / max(1, c.Layers[0].Heads)
	}
	return c.HeadDim
}
