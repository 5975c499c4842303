package model

import (
	"fmt"
	"slices"
)

// granite covers the dense Granite 3 and 4: a Llama with factors of the embedding, of what is
// added to the residual stream, of scores and, as a divisor, of logits.
var granite = Family{
	Name:       "granite",
	ModelTypes: []string{"granite", "pruned_granite"},
	GGUFArchs:  []string{"granite"},
	layer:      llama.layer,
	optional:   Biases,
	defaults: func() hfConfig { // GraniteConfig
		return hfConfig{EmbeddingFactor: 1, ResidualFactor: 1, ScoreFactor: 1, LogitDivisor: 1}
	},
	fromHF:   graniteHF,
	fromGGUF: graniteGGUF,
}

func graniteHF(h *hfConfig, c *Config) error {
	for _, x := range []struct {
		key    string
		factor float64
	}{{"embedding_multiplier", h.EmbeddingFactor}, {"residual_multiplier", h.ResidualFactor},
		{"attention_multiplier", h.ScoreFactor}, {"logits_scaling", h.LogitDivisor}} {
		if !(float32(x.factor) > 0) {
			return fmt.Errorf("%s is %v, want more than 0", x.key, x.factor)
		}
	}
	c.EmbeddingScale, c.ResidualScale = float32(h.EmbeddingFactor), float32(h.ResidualFactor)
	c.ScoreScale, c.LogitDivisor = h.ScoreFactor, float32(h.LogitDivisor)
	return nil
}

// graniteGGUF reads what llama.cpp does (src/models/granite.cpp), where absent or 0 is none.
func graniteGGUF(k *keys, c *Config) {
	if turns, ok := k.m.Flags(k.arch + ".rope.scaling.finetuned"); ok && !slices.Contains(turns, true) {
		k.fail("rope.scaling.finetuned", "is false, which means no positions here; only true is supported")
	}
	c.EmbeddingScale, c.ResidualScale = float32(k.floatOr("embedding_scale", 0)), float32(k.floatOr("residual_scale", 0))
	c.ScoreScale, c.LogitDivisor = k.floatOr("attention.scale", 0), float32(k.float("logit_scale"))
}
