package model

import "fmt"

// gemma2 is a Gemma that norms what attention and MLP add to the residual stream too,
// caps scores and logits, and slides a window over the keys of every other layer.
var gemma2 = Family{
	Name:       "gemma2",
	ModelTypes: []string{"gemma2", "pruned_gemma2"},
	GGUFArchs:  []string{"gemma2"},
	layer: []layout{
		attnNormRow, qRow, kRow, vRow, oRow, postAttnNormRow,
		preMLPNormRow, gateRow, upRow, downRow, postMLPNormRow,
	},
	tied: true,

	math:           Math{Activation: GELU, NormOffset: 1},
	scaleEmbedding: true,
	defaults:       gemma2Defaults,
	fromHF:         gemma2HF,
	fromGGUF:       gemma2GGUF,
}

// The values of Gemma2Config and of llama.cpp (gemma2.cpp, llama-hparams.h) where a file has none.
const (
	gemma2Window   = 4096
	gemma2ScoreCap = 50
	gemma2LogitCap = 30
)

func gemma2Defaults() hfConfig {
	h := gemmaDefaults()
	h.SlidingWindow, h.QueryScalar = new(gemma2Window), 256
	h.ScoreCap, h.LogitCap = new(float32(gemma2ScoreCap)), new(float32(gemma2LogitCap))
	return h
}

func gemma2HF(h *hfConfig, c *Config) error {
	if err := h.scoresAndCaps(c); err != nil {
		return err
	}
	return h.slideTypes(c, fullEvery(2))
}

// scoresAndCaps reads how scores are scaled, and the soft caps.
func (h *hfConfig) scoresAndCaps(c *Config) error {
	if h.QueryScalar < 1 || h.QueryScalar > mostSize {
		return fmt.Errorf("query_pre_attn_scalar is %d, want 1 to %d", h.QueryScalar, mostSize)
	}
	c.divideScores(h.QueryScalar)
	if h.ScoreCap != nil {
		c.ScoreCap = *h.ScoreCap
	}
	if h.LogitCap != nil {
		c.LogitCap = *h.LogitCap
	}
	return nil
}

func gemma2GGUF(k *keys, c *Config) {
	if n := k.sizeOr("attention.sliding_window_pattern", 2); n != 2 {
		k.fail("attention.sliding_window_pattern", fmt.Sprintf("is %d, only 2 is supported", n))
	}
	c.ScoreCap = float32(k.floatOr("attn_logit_softcapping", gemma2ScoreCap))
	c.LogitCap = float32(k.floatOr("final_logit_softcapping", gemma2LogitCap))
	c.divideScores(c.Gemma2QueryScalar())
	window := k.sizeOr("attention.sliding_window", gemma2Window)
	for i := 0; i < len(c.Layers); i += 2 {
		c.Layers[i].Window = window
	}
}

// divideScores divides scores by the root of n; 0 is the head size.
func (c *Config) divideScores(n int) {
	if n > 0 {
		c.ScoreScale = rootScale(n)
	}
}

// Gemma2QueryScalar is the number by whose root llama.cpp divides the scores of a gemma2 of these sizes, since
// the file has no key for it: Gemma 2 27B, which alone has 46 layers, divides otherwise than
// by the head size (src/models/gemma2.cpp).
func (c *Config) Gemma2QueryScalar() int {
	if len(c.Layers) == 46 {
		return c.HiddenSize / max(1, c.Layers[0].Heads)
	}
	return c.HeadDim
}
