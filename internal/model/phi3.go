package model

// phi3 covers Phi-3, Phi-3.5 and Phi-4: a Llama, whose attention may see a sliding window and
// of whose heads only a part may turn (Phi-4-mini), with q, k and v in one tensor of its
// files, gate and up in another.
var phi3 = Family{
	Name:       "phi3",
	ModelTypes: []string{"phi3", "pruned_phi3"},
	GGUFArchs:  []string{"phi3"},
	layer:      plainLayer,
	fused: []fusion{
		{hfAttn + "qkv_proj.weight", ggufBlock + "attn_qkv.weight", []Role{Q, K, V}},
		{hfMLP + "gate_up_proj.weight", ggufBlock + "ffn_up.weight", []Role{Gate, Up}},
	},
	partialRotary: true,
	longRope:      true,
	defaults: func() hfConfig {
		return hfConfig{NormEps: new(1e-5), MaxPositions: 4096, OriginalPositions: 4096} // Phi3Config
	},
	fromHF:   slide,
	fromGGUF: phi3GGUF,
}

// phi3GGUF reads the window, of which 0 says that there is none.
func phi3GGUF(k *keys, c *Config) {
	if w := k.sizeOr("attention.sliding_window", 0); w > 0 {
		c.slide(w)
	}
}
