package model

// qwen2 covers Qwen 2 and 2.5: q, k and v have biases, o has none.
var qwen2 = Family{
	Name:       "qwen2",
	ModelTypes: []string{"qwen2", "pruned_qwen2"},
	GGUFArchs:  []string{"qwen2"},
	layer: []layout{
		attnNormRow,
		qRow, qBiasRow,
		kRow, kBiasRow,
		vRow, vBiasRow,
		oRow, mlpNormRow, gateRow, upRow, downRow,
	},
}
