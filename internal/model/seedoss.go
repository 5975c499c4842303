package model

// seedOss covers Seed-OSS: a Llama whose o and q, k, v have biases or none each by itself. Its
// GGUF files call the norm before the MLP what other families call that behind attention.
var seedOss = Family{
	Name:       "seed_oss",
	ModelTypes: []string{"seed_oss", "pruned_seed_oss"},
	GGUFArchs:  []string{"seed_oss"},
	layer: []layout{
		attnNormRow,
		qRow, qBiasRow,
		kRow, kBiasRow,
		vRow, vBiasRow,
		oRow, oBiasRow,
		{MLPNorm, mlpNormRow.hf, postAttnNormRow.gguf, norm},
		gateRow, gateBiasRow,
		upRow, upBiasRow,
		downRow, downBiasRow,
	},
	optional: Biases,
	defaults: func() hfConfig { // SeedOssConfig
		return hfConfig{NumKVHeads: new(8), HeadDim: new(128), MaxPositions: 524288, AttentionBias: true}
	},
	fromHF: seedOssHF,
}

func seedOssHF(h *hfConfig, c *Config) error {
	c.Optional &^= RolesOf(OBias)
	if h.OutBias {
		c.Optional |= RolesOf(OBias)
	}
	return nil
}
