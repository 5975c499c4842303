package model

// qwen2 covers Qwen 2 and 2.5: q, k and v have biases, o has none; the last layers may see a
// sliding window.
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
	useWindow: true,
	defaults:  func() hfConfig { return hfConfig{SlidingWindow: new(4096), MaxWindowLayers: 28} }, // Qwen2Config
	fromHF:    qwenHF,
}

// qwenHF reads the windows of Qwen 2 and 3: where use_sliding_window is true, those of the
// layers behind the first max_window_layers, unless layer_types says which.
func qwenHF(h *hfConfig, c *Config) error {
	if !h.UseSlidingWindow {
		h.SlidingWindow = nil
	}
	return h.slideTypes(c, func(layer int) bool { return h.SlidingWindow == nil || layer < h.MaxWindowLayers })
}
