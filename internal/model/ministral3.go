package model

import "fmt"

// ministral3 is a Mistral whose queries grow with their position beyond the original context. llama.cpp
// has the same architecture for Mistral Small 3, whose queries do not.
var ministral3 = Family{
	Name:       "ministral3",
	ModelTypes: []string{"ministral3", "pruned_ministral3"},
	GGUFArchs:  []string{"mistral3"},
	layer:      llama.layer,
	optional:   Biases,
	defaults: func() hfConfig { // Ministral3Config
		return hfConfig{NumKVHeads: new(8), HeadDim: new(128), MaxPositions: 262144, NormEps: new(1e-5)}
	},
	fromHF:   ministral3HF,
	fromGGUF: ministral3GGUF,
}

func ministral3HF(h *hfConfig, c *Config) error {
	s := h.ropeFields()
	if s == nil || s.QueryGrowth == nil {
		return fmt.Errorf("rope_parameters has no llama_4_scaling_beta, by which queries of a %s grow", h.ModelType)
	}
	if *s.QueryGrowth != 0 {
		c.Growth = QueryGrowth{*s.QueryGrowth, s.Original}
	}
	return slide(h, c)
}

// ministral3GGUF reads what llama.cpp does (src/models/mistral3.cpp), which for this architecture
// is all of YaRN.
func ministral3GGUF(k *keys, c *Config) {
	if beta := k.floatOr("attention.temperature_scale", 0); beta != 0 {
		c.Growth = QueryGrowth{beta, k.originalContext(c)}
	}
	s := c.Rope.Scaling
	if s == nil || s.Type != "yarn" {
		return
	}
	s.BetaFast, s.BetaSlow = k.floatOr("rope.scaling.yarn_beta_fast", 0), k.floatOr("rope.scaling.yarn_beta_slow", 0)
	if all := k.floatOr("rope.scaling.yarn_log_multiplier", 0); all != 0 {
		s.AttentionFactor = new(c.Rope.Attention() / yarnScale(s.Factor, all))
	}
}
