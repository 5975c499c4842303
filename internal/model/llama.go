package model

func hidden(c *Config) Axis { return Axis{Dim{name: "hidden", Layer: -1, Units: c.HiddenSize}, 1} }
func vocab(c *Config) Axis  { return Axis{Dim{name: "vocab", Layer: -1, Units: c.VocabSize}, 1} }
func mlp(c *Config, l int) Axis {
	return Axis{c.Dim(l, MLP), 1}
}

// kv runs along k's and v's rows: one head a unit.
func kv(c *Config, l int) Axis { return Axis{c.Dim(l, Heads), c.HeadDim} }

// queries runs along q's rows and o's columns: the query heads of one KV group a unit.
func queries(c *Config, l int) Axis {
	return Axis{c.Dim(l, Heads), c.Layers[l].Group() * c.HeadDim}
}

func norm(c *Config, _ int) []Axis { return []Axis{hidden(c)} }

// llama covers Llama 1 to 3, Vicuna, TinyLlama, SmolLM, Mistral without a
// sliding window, and what this program writes. Weights are [out, in].
var llama = Family{
	Name:       "llama",
	ModelTypes: []string{"llama", "mistral", "pruned_llama"},
	GGUFArchs:  []string{"llama", "deci"},
	before: []layout{
		{Embedding, "model.embed_tokens.weight", "token_embd.weight", func(c *Config, _ int) []Axis { return []Axis{vocab(c), hidden(c)} }},
	},
	layer: []layout{
		{AttnNorm, "model.layers.%d.input_layernorm.weight", "blk.%d.attn_norm.weight", norm},
		{Q, "model.layers.%d.self_attn.q_proj.weight", "blk.%d.attn_q.weight", func(c *Config, l int) []Axis { return []Axis{queries(c, l), hidden(c)} }},
		{K, "model.layers.%d.self_attn.k_proj.weight", "blk.%d.attn_k.weight", func(c *Config, l int) []Axis { return []Axis{kv(c, l), hidden(c)} }},
		{V, "model.layers.%d.self_attn.v_proj.weight", "blk.%d.attn_v.weight", func(c *Config, l int) []Axis { return []Axis{kv(c, l), hidden(c)} }},
		{O, "model.layers.%d.self_attn.o_proj.weight", "blk.%d.attn_output.weight", func(c *Config, l int) []Axis { return []Axis{hidden(c), queries(c, l)} }},
		{MLPNorm, "model.layers.%d.post_attention_layernorm.weight", "blk.%d.ffn_norm.weight", norm},
		{Gate, "model.layers.%d.mlp.gate_proj.weight", "blk.%d.ffn_gate.weight", func(c *Config, l int) []Axis { return []Axis{mlp(c, l), hidden(c)} }},
		{Up, "model.layers.%d.mlp.up_proj.weight", "blk.%d.ffn_up.weight", func(c *Config, l int) []Axis { return []Axis{mlp(c, l), hidden(c)} }},
		{Down, "model.layers.%d.mlp.down_proj.weight", "blk.%d.ffn_down.weight", func(c *Config, l int) []Axis { return []Axis{hidden(c), mlp(c, l)} }},
	},
	after: []layout{
		{FinalNorm, "model.norm.weight", "output_norm.weight", norm},
		{Head, "lm_head.weight", "output.weight", func(c *Config, _ int) []Axis { return []Axis{vocab(c), hidden(c)} }},
	},
}
