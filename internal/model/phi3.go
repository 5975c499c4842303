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
}

// phi3Rope refuses what Phi3Config of transformers does not know: it has LongRoPE alone.
func (c *Config) phi3Rope() error {
	if s := c.Rope.Scaling; c.Family == &phi3 && s != nil && !s.LongRope() {
		return fmt.Errorf("rope scaling %q is not supported for phi3, only longrope is", s.Type)
	}
	return nil
}
