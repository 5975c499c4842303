package model

import "fmt"

// phi3 covers Phi-3, Phi-3.5 and Phi-4: a Llama, whose attention may see a
// sliding window, with q, k and v in one tensor of its files, gate and up in another.
var phi3 = Family{
	Name:       "phi3",
	ModelTypes: []string{"phi3", "pruned_phi3"},
	GGUFArchs:  []string{"phi3"},
	before:     []layout{embeddingRow},
	layer:      []layout{attnNormRow, qRow, kRow, vRow, oRow, mlpNormRow, gateRow, upRow, downRow},
	after:      []layout{finalNormRow, headRow},
	fused: []fusion{
		{hfAttn + "qkv_proj.weight", ggufBlock + "attn_qkv.weight", []Role{Q, K, V}},
		{hfMLP + "gate_up_proj.weight", ggufBlock + "ffn_up.weight", []Role{Gate, Up}},
	},
	defaults: func() hfConfig { return hfConfig{NormEps: ptr(1e-5), MaxPositions: 4096} }, // Phi3Config
	fromHF:   slide,
	fromGGUF: phi3GGUF,
}

// phi3GGUF reads the window, of which 0 says that there is none.
func phi3GGUF(k *keys, c *Config) {
	if w := k.sizeOr("attention.sliding_window", 0); w > 0 {
		c.slide(w)
	}
}

// phi3Rope refuses what Phi3Config of transformers does not know: it has LongRoPE alone.
func (c *Config) phi3Rope() error {
	if s := c.Rope.Scaling; c.Family == &phi3 && s != nil && !s.LongRope() {
		return fmt.Errorf("rope scaling %q is not supported for phi3, only longrope is", s.Type)
	}
	return nil
}
