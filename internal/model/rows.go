package model

import "fmt"

// The rows of the families' tables, and the axes of their parameters.

const (
	hfAttn, hfMLP = "model.layers.%d.self_attn.", "model.layers.%d.mlp."
	ggufBlock     = "blk.%d."
)

var (
	embeddingRow = layout{Embedding, "model.embed_tokens.weight", "token_embd.weight", func(c *Config, _ int) []Axis { return []Axis{vocab(c), hidden(c)} }}
	finalNormRow = layout{FinalNorm, "model.norm.weight", "output_norm.weight", norm}
	headRow      = layout{Head, "lm_head.weight", "output.weight", func(c *Config, _ int) []Axis { return []Axis{vocab(c), hidden(c)} }}

	attnNormRow = layout{AttnNorm, "model.layers.%d.input_layernorm.weight", ggufBlock + "attn_norm.weight", norm}
	mlpNormRow  = layout{MLPNorm, "model.layers.%d.post_attention_layernorm.weight", ggufBlock + "ffn_norm.weight", norm}
	qNormRow    = layout{QNorm, hfAttn + "q_norm.weight", ggufBlock + "attn_q_norm.weight", headNorm}
	kNormRow    = layout{KNorm, hfAttn + "k_norm.weight", ggufBlock + "attn_k_norm.weight", headNorm}

	qWideNormRow = layout{QNorm, qNormRow.hf, qNormRow.gguf, func(c *Config, l int) []Axis { return []Axis{queries(c, l)} }}
	kWideNormRow = layout{KNorm, kNormRow.hf, kNormRow.gguf, func(c *Config, l int) []Axis { return []Axis{kv(c, l)} }}

	// What Gemma 2 calls post_attention_layernorm stands behind attention, before its sum.
	postAttnNormRow = layout{PostAttnNorm, "model.layers.%d.post_attention_layernorm.weight", ggufBlock + "post_attention_norm.weight", norm}
	preMLPNormRow   = layout{MLPNorm, "model.layers.%d.pre_feedforward_layernorm.weight", ggufBlock + "ffn_norm.weight", norm}
	postMLPNormRow  = layout{PostMLPNorm, "model.layers.%d.post_feedforward_layernorm.weight", ggufBlock + "post_ffw_norm.weight", norm}

	qRow    = layout{Q, hfAttn + "q_proj.weight", ggufBlock + "attn_q.weight", func(c *Config, l int) []Axis { return []Axis{queries(c, l), hidden(c)} }}
	kRow    = layout{K, hfAttn + "k_proj.weight", ggufBlock + "attn_k.weight", func(c *Config, l int) []Axis { return []Axis{kv(c, l), hidden(c)} }}
	vRow    = layout{V, hfAttn + "v_proj.weight", ggufBlock + "attn_v.weight", func(c *Config, l int) []Axis { return []Axis{kv(c, l), hidden(c)} }}
	oRow    = layout{O, hfAttn + "o_proj.weight", ggufBlock + "attn_output.weight", func(c *Config, l int) []Axis { return []Axis{hidden(c), queries(c, l)} }}
	gateRow = layout{Gate, hfMLP + "gate_proj.weight", ggufBlock + "ffn_gate.weight", func(c *Config, l int) []Axis { return []Axis{mlp(c, l), hidden(c)} }}
	upRow   = layout{Up, hfMLP + "up_proj.weight", ggufBlock + "ffn_up.weight", func(c *Config, l int) []Axis { return []Axis{mlp(c, l), hidden(c)} }}
	downRow = layout{Down, hfMLP + "down_proj.weight", ggufBlock + "ffn_down.weight", func(c *Config, l int) []Axis { return []Axis{hidden(c), mlp(c, l)} }}

	qBiasRow    = layout{QBias, hfAttn + "q_proj.bias", ggufBlock + "attn_q.bias", func(c *Config, l int) []Axis { return []Axis{queries(c, l)} }}
	kBiasRow    = layout{KBias, hfAttn + "k_proj.bias", ggufBlock + "attn_k.bias", func(c *Config, l int) []Axis { return []Axis{kv(c, l)} }}
	vBiasRow    = layout{VBias, hfAttn + "v_proj.bias", ggufBlock + "attn_v.bias", func(c *Config, l int) []Axis { return []Axis{kv(c, l)} }}
	oBiasRow    = layout{OBias, hfAttn + "o_proj.bias", ggufBlock + "attn_output.bias", norm}
	gateBiasRow = layout{GateBias, hfMLP + "gate_proj.bias", ggufBlock + "ffn_gate.bias", func(c *Config, l int) []Axis { return []Axis{mlp(c, l)} }}
	upBiasRow   = layout{UpBias, hfMLP + "up_proj.bias", ggufBlock + "ffn_up.bias", func(c *Config, l int) []Axis { return []Axis{mlp(c, l)} }}
	downBiasRow = layout{DownBias, hfMLP + "down_proj.bias", ggufBlock + "ffn_down.bias", norm}
)

// plainLayer is the table of a layer of attention and a gated MLP without biases, a norm before each.
var plainLayer = []layout{attnNormRow, qRow, kRow, vRow, oRow, mlpNormRow, gateRow, upRow, downRow}

func hidden(c *Config) Axis { return Axis{Dim{name: "hidden", Layer: -1, Units: c.HiddenSize}, 1} }
func vocab(c *Config) Axis  { return Axis{Dim{name: "vocab", Layer: -1, Units: c.VocabSize}, 1} }

// norm is one value a component of the residual stream.
func norm(c *Config, _ int) []Axis { return []Axis{hidden(c)} }

// headNorm is one value a component of a head, the same for all heads.
func headNorm(c *Config, _ int) []Axis {
	return []Axis{{Dim{name: "head", Layer: -1, Units: c.HeadDim}, 1}}
}

func mlp(c *Config, l int) Axis { return Axis{c.Dim(l, MLP), 1} }

// kv runs along k's and v's rows: one head a unit, which stays where query heads are cut.
func kv(c *Config, l int) Axis {
	if c.QueryHeads {
		return Axis{Dim{name: fmt.Sprintf("layers.%d.kv_heads", l), Layer: -1, Units: c.Layers[l].KVHeads}, c.HeadDim}
	}
	return Axis{c.Dim(l, Heads), c.HeadDim}
}

// queries runs along q's rows and o's columns: the query heads of one KV group a
// unit, or one query head.
func queries(c *Config, l int) Axis {
	d := c.Dim(l, c.AttentionKind())
	return Axis{d, c.Layers[l].Heads / d.Units * c.HeadDim}
}
