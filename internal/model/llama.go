package model

// llama covers Llama 1 to 3, Vicuna, TinyLlama, SmolLM, and what this program
// writes of other families where it computes the same. Weights are [out, in],
// biases [out]; attention_bias and mlp_bias of config.json say which are there.
var llama = Family{
	Name:       "llama",
	ModelTypes: []string{"llama", "pruned_llama"},
	GGUFArchs:  []string{"llama", "deci"},
	layer: []layout{
		attnNormRow,
		qRow, qBiasRow,
		kRow, kBiasRow,
		vRow, vBiasRow,
		oRow, oBiasRow,
		mlpNormRow,
		gateRow, gateBiasRow,
		upRow, upBiasRow,
		downRow, downBiasRow,
	},
	optional: Biases,
}
