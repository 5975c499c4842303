package export

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// published is a model and its published plan: a quarter of the KV groups and
// channels of each layer but the first four and the last two.
//
// Vectors are norms, two a layer and a last one: (2 layers + 1) hidden, 266,240 of
// LLaMA-7B. Matrices are what is left of the parameters; the head is one of them.
// A safetensors file has 2 bytes a parameter in bf16. A GGUF file has F32 vectors
// and, in F16, 2 bytes a value of a matrix, in Q4_0 18 bytes for 32 values, but 210
// for 256 of the head, which is Q6_K. All rows are whole blocks, before and after.
type published struct {
	name                       string
	layers, hidden, heads, kv  int
	channels, vocab            int
	params                     int64
	group, channel             int64 // parameters of a KV group and of a channel
	kvBytes, kvAfter           int64 // 2 (k and v) x 2 bytes x 128 x KV groups of all layers
	paramsAfter                int64
	bf16, bf16After            int64
	f16, f16After, q4, q4After int64
}

const (
	headBlocks7B  = 32000 * 4096 / 256 * 210
	headBlocks13B = 32000 * 5120 / 256 * 210
	headBlocks8B  = 128256 * 4096 / 256 * 210
)

var publishedModels = []published{
	// A group: q, k, v and o have 128 x 4096 each. 26 layers lose 8 of 32 groups and 2752 of 11008 channels.
	{name: "llama-7b", layers: 32, hidden: 4096, heads: 32, kv: 32, channels: 11008, vocab: 32000,
		params: 6_738_415_616, group: 4 * 128 * 4096, channel: 3 * 4096, paramsAfter: 6_738_415_616 - 26*(8*2_097_152+2752*12_288),
		kvBytes: 4 * 128 * 32 * 32, kvAfter: 4 * 128 * (6*32 + 26*24), // 524,288 and 417,792
		bf16: 13_476_831_232, bf16After: 10_845_954_048,
		f16: 13_476_831_232 + 2*266_240, f16After: 10_845_954_048 + 2*266_240, // 2 bytes more a vector's value
		q4:      4*266_240 + (6_738_415_616-266_240-131_072_000)/32*18 + headBlocks7B,
		q4After: 4*266_240 + (5_422_977_024-266_240-131_072_000)/32*18 + headBlocks7B},
	{name: "vicuna-7b", layers: 32, hidden: 4096, heads: 32, kv: 32, channels: 11008, vocab: 32000,
		params: 6_738_415_616, group: 4 * 128 * 4096, channel: 3 * 4096, paramsAfter: 5_422_977_024,
		kvBytes: 524_288, kvAfter: 417_792,
		bf16: 13_476_831_232, bf16After: 10_845_954_048,
		f16: 13_477_363_712, f16After: 10_846_486_528,
		q4:      4*266_240 + (6_738_415_616-266_240-131_072_000)/32*18 + headBlocks7B,
		q4After: 4*266_240 + (5_422_977_024-266_240-131_072_000)/32*18 + headBlocks7B},
	// 34 layers lose 10 of 40 groups and 3456 of 13824 channels; vectors: 81 x 5120 = 414,720.
	{name: "llama-13b", layers: 40, hidden: 5120, heads: 40, kv: 40, channels: 13824, vocab: 32000,
		params: 13_015_864_320, group: 4 * 128 * 5120, channel: 3 * 5120, paramsAfter: 13_015_864_320 - 34*(10*2_621_440+3456*15_360),
		kvBytes: 4 * 128 * 40 * 40, kvAfter: 4 * 128 * (6*40 + 34*30), // 819,200 and 645,120
		bf16: 2 * 13_015_864_320, bf16After: 2 * 10_319_713_280,
		f16: 2*13_015_864_320 + 2*414_720, f16After: 2*10_319_713_280 + 2*414_720,
		q4:      4*414_720 + (13_015_864_320-414_720-163_840_000)/32*18 + headBlocks13B,
		q4After: 4*414_720 + (10_319_713_280-414_720-163_840_000)/32*18 + headBlocks13B},
	// Four query heads a group: q and o have 512 x 4096, k and v 128 x 4096. 26 layers lose 2 of 8 groups and 3584 of 14336 channels.
	{name: "llama3-8b", layers: 32, hidden: 4096, heads: 32, kv: 8, channels: 14336, vocab: 128256,
		params: 8_030_261_248, group: 2 * (512 + 128) * 4096, channel: 3 * 4096, paramsAfter: 8_030_261_248 - 26*(2*5_242_880+3584*12_288),
		kvBytes: 4 * 128 * 32 * 8, kvAfter: 4 * 128 * (6*8 + 26*6), // 131,072 and 104,448
		bf16: 2 * 8_030_261_248, bf16After: 2 * 6_612_586_496,
		f16: 2*8_030_261_248 + 2*266_240, f16After: 2*6_612_586_496 + 2*266_240,
		q4:      4*266_240 + (8_030_261_248-266_240-525_336_576)/32*18 + headBlocks8B,
		q4After: 4*266_240 + (6_612_586_496-266_240-525_336_576)/32*18 + headBlocks8B},
}

// The sizes of the published models' files before and after the published plan, to
// the byte: data as in the table, headers as the formats' descriptions have them.
func TestPublishedSizes(t *testing.T) {
	for _, c := range publishedModels {
		t.Run(c.name, func(t *testing.T) {
			src, err := load.OpenConfig(filepath.Join(goldentest.Root(), "testdata", "configs", c.name))
			if err != nil {
				t.Fatal(err)
			}
			dense := src.Config
			if a, b := dense.UnitParams(dense.Dim(4, model.Heads)), dense.UnitParams(dense.Dim(4, model.MLP)); a != c.group || b != c.channel {
				t.Errorf("units of %d and %d parameters, want %d and %d", a, b, c.group, c.channel)
			}
			pruned := c.plan(dense)
			c.check(t, dense, c.params, c.kvBytes, c.bf16, c.f16, c.q4)
			c.check(t, pruned, c.paramsAfter, c.kvAfter, c.bf16After, c.f16After, c.q4After)
		})
	}
}

func (c published) plan(dense *model.Config) *model.Config {
	left := map[model.Dim]int{}
	for l := 4; l < c.layers-2; l++ {
		left[dense.Dim(l, model.Heads)], left[dense.Dim(l, model.MLP)] = c.kv*3/4, c.channels*3/4
	}
	return dense.Cut(left)
}

func (c published) check(t *testing.T, cfg *model.Config, params, kv, bf16, f16, q4 int64) {
	t.Helper()
	if cfg.ParamCount() != params || cfg.KVBytes() != kv {
		t.Errorf("%d parameters, %d bytes of KV cache a token, want %d and %d", cfg.ParamCount(), cfg.KVBytes(), params, kv)
	}
	m := Model{Name: c.name, Config: cfg, Weights: load.Promised(cfg, tensor.BF16)}
	p, err := layOut(m, "out", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got, want int64
	for _, f := range p.Files {
		if strings.HasSuffix(f.Name, ".safetensors") {
			got += f.Bytes
		}
	}
	if want = bf16 + c.safetensorsHeaders(cfg); got != want {
		t.Errorf("bf16 safetensors of %d bytes, want %d", got, want)
	}
	for d, data := range map[tensor.DType]int64{tensor.F16: f16, tensor.Q4_0: q4} {
		got, _, err := Sizes(m, "out.gguf", Options{DType: &d})
		if want := data + c.ggufHeader(cfg, d); err != nil || got != want {
			t.Errorf("%s GGUF of %d bytes (%v), want %d", d, got, err, want)
		}
	}
}

// shapes lists the tensors in storage order, from the sizes alone.
func (c published) shapes(cfg *model.Config, each func(hf, gguf string, shape ...int)) {
	each("model.embed_tokens", "token_embd", c.vocab, c.hidden)
	for l, y := range cfg.Layers {
		row := func(hf, gguf string, shape ...int) {
			each(fmt.Sprintf("model.layers.%d.%s", l, hf), fmt.Sprintf("blk.%d.%s", l, gguf), shape...)
		}
		q, k, f := y.Heads*128, y.KVHeads*128, y.Intermediate
		row("input_layernorm", "attn_norm", c.hidden)
		row("self_attn.q_proj", "attn_q", q, c.hidden)
		row("self_attn.k_proj", "attn_k", k, c.hidden)
		row("self_attn.v_proj", "attn_v", k, c.hidden)
		row("self_attn.o_proj", "attn_output", c.hidden, q)
		row("post_attention_layernorm", "ffn_norm", c.hidden)
		row("mlp.gate_proj", "ffn_gate", f, c.hidden)
		row("mlp.up_proj", "ffn_up", f, c.hidden)
		row("mlp.down_proj", "ffn_down", c.hidden, f)
	}
	each("model.norm", "output_norm", c.hidden)
	each("lm_head", "output", c.vocab, c.hidden)
}

// safetensorsHeaders is the headers of all shards (docs/formats/safetensors.md): 8
// bytes of length, then JSON, filled up to a multiple of 8. A shard has up to 5 GB.
func (c published) safetensorsHeaders(cfg *model.Config) (sum int64) {
	const empty = `{"__metadata__":{"format":"pt"}`
	header, at := empty, 0
	flush := func() { sum += int64(8 + (len(header)+1+7)/8*8) }
	c.shapes(cfg, func(hf, _ string, shape ...int) {
		n := 2
		for _, s := range shape {
			n *= s
		}
		if at+n > 5_000_000_000 {
			flush()
			header, at = empty, 0
		}
		dims := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "[]")
		header += fmt.Sprintf(`,"%s.weight":{"dtype":"BF16","shape":[%s],"data_offsets":[%d,%d]}`, hf, dims, at, at+n)
		at += n
	})
	flush()
	return sum
}

// ggufHeader is what stands before the data (docs/formats/gguf.md), filled up to a
// multiple of 32, which all tensors are.
func (c published) ggufHeader(cfg *model.Config, d tensor.DType) int64 {
	arch, perLayer := "llama", 4 // bytes of a size: u32, or an array of i32
	if !cfg.Uniform() {
		arch, perLayer = "deci", 4+8+4*c.layers
	}
	n := 4 + 4 + 8 + 8 // magic, version, tensors, pairs
	pair := func(key string, value int) { n += 8 + len(key) + 4 + value }
	for key, value := range map[string]string{"architecture": arch, "type": "model", "name": c.name} {
		pair("general."+key, 8+len(value))
	}
	pair("general.file_type", 4)
	if d == tensor.Q4_0 {
		pair("general.quantization_version", 4)
	}
	for _, key := range []string{"block_count", "context_length", "embedding_length", "vocab_size", "attention.key_length", "attention.value_length",
		"rope.dimension_count", "attention.layer_norm_rms_epsilon", "rope.freq_base"} {
		pair(arch+"."+key, 4)
	}
	for _, key := range []string{"feed_forward_length", "attention.head_count", "attention.head_count_kv"} {
		pair(arch+"."+key, perLayer)
	}
	pair("tokenizer.ggml.model", 8+len("no_vocab"))
	c.shapes(cfg, func(_, gguf string, shape ...int) {
		n += 8 + len(gguf+".weight") + 4 + 8*len(shape) + 4 + 8 // name, rank, dimensions, type, offset
	})
	return int64((n + 31) / 32 * 32)
}
