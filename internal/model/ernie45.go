package model

// ernie45 covers the dense ERNIE 4.5: a Llama that rotates neighbours in each head. Rows of q and k
// stand so in its folders; they are read and written, and nothing else knows.
var ernie45 = Family{
	Name:       "ernie4_5",
	ModelTypes: []string{"ernie4_5", "pruned_ernie4_5"},
	GGUFArchs:  []string{"ernie4_5"},
	layer:      llama.layer,
	optional:   Biases,
	paired:     true,
	defaults: func() hfConfig { // Ernie4_5Config
		return hfConfig{NumKVHeads: new(2), HeadDim: new(128), MaxPositions: 131072, NormEps: new(1e-5), RopeTheta: new(5e5), Tied: true}
	},
	fromHF: ernie45HF,
}

// ernie45HF: use_bias stands for all.
func ernie45HF(h *hfConfig, c *Config) error {
	c.Optional = 0
	if h.UseBias {
		c.Optional = Biases
	}
	return nil
}
