package model

// qwen3 covers the dense Qwen 3: each head of q and k has an RMSNorm over the
// head size before it is rotated, with weights that all heads of a layer share.
var qwen3 = Family{
	Name:       "qwen3",
	ModelTypes: []string{"qwen3", "pruned_qwen3"},
	GGUFArchs:  []string{"qwen3"},
	layer: []layout{
		attnNormRow,
		qRow, qNormRow,
		kRow, kNormRow,
		vRow, oRow, mlpNormRow, gateRow, upRow, downRow,
	},
	useWindow: true,
	defaults:  func() hfConfig { return hfConfig{HeadDim: new(128), SlidingWindow: new(4096), MaxWindowLayers: 28} }, // Qwen3Config
	fromHF:    qwenHF,
}
