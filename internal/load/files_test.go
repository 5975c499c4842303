package load_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// sizes are those of the models of these tests: 5 tokens, 6 wide, two query heads of
// 8 on one KV head, 3 channels, one layer.
const sizes = `"vocab_size": 5, "hidden_size": 6, "head_dim": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 3,
	"num_hidden_layers": 1, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000`

const llama = `{"model_type": "llama", ` + sizes + `}`

// matrix is rows x cols of float32; value (r, c) is r + c/100.
func matrix(rows, cols int) tensor.Tensor {
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = value(i/cols, i%cols)
	}
	return tensor.FromFloat32(tensor.F32, []int{rows, cols}, values)
}

func value(r, c int) float32 { return float32(r) + float32(c)/100 }

func vector(n int, v float32) tensor.Tensor {
	return tensor.FromFloat32(tensor.F32, []int{n}, slices.Repeat([]float32{v}, n))
}

// llamaTensors are those of a folder of config llama.
func llamaTensors() checkpoint.Memory {
	return checkpoint.Memory{
		"model.embed_tokens.weight":                      matrix(5, 6),
		"model.layers.0.input_layernorm.weight":          vector(6, 1),
		"model.layers.0.self_attn.q_proj.weight":         matrix(16, 6),
		"model.layers.0.self_attn.k_proj.weight":         matrix(8, 6),
		"model.layers.0.self_attn.v_proj.weight":         matrix(8, 6),
		"model.layers.0.self_attn.o_proj.weight":         matrix(6, 16),
		"model.layers.0.post_attention_layernorm.weight": vector(6, 2),
		"model.layers.0.mlp.gate_proj.weight":            matrix(3, 6),
		"model.layers.0.mlp.up_proj.weight":              matrix(3, 6),
		"model.layers.0.mlp.down_proj.weight":            matrix(6, 3),
		"model.norm.weight":                              vector(6, 3),
		"lm_head.weight":                                 matrix(5, 6),
	}
}

// ggufNames are the names of the same tensors in a GGUF file.
var ggufNames = map[string]string{
	"model.embed_tokens.weight":                      "token_embd.weight",
	"model.layers.0.input_layernorm.weight":          "blk.0.attn_norm.weight",
	"model.layers.0.self_attn.q_proj.weight":         "blk.0.attn_q.weight",
	"model.layers.0.self_attn.k_proj.weight":         "blk.0.attn_k.weight",
	"model.layers.0.self_attn.v_proj.weight":         "blk.0.attn_v.weight",
	"model.layers.0.self_attn.o_proj.weight":         "blk.0.attn_output.weight",
	"model.layers.0.post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
	"model.layers.0.mlp.gate_proj.weight":            "blk.0.ffn_gate.weight",
	"model.layers.0.mlp.up_proj.weight":              "blk.0.ffn_up.weight",
	"model.layers.0.mlp.down_proj.weight":            "blk.0.ffn_down.weight",
	"model.norm.weight":                              "output_norm.weight",
	"lm_head.weight":                                 "output.weight",
}

func ggufTensors() checkpoint.Memory {
	m := checkpoint.Memory{}
	for name, x := range llamaTensors() {
		m[ggufNames[name]] = x
	}
	return m
}

// keys is the metadata of a GGUF file of an architecture with the sizes.
func keys(arch string) []checkpoint.KeyValue {
	kv := []checkpoint.KeyValue{{Key: "general.architecture", Value: arch}}
	for key, v := range map[string]any{"block_count": uint32(1), "context_length": uint32(32), "embedding_length": uint32(6), "feed_forward_length": uint32(3),
		"attention.head_count": uint32(2), "attention.head_count_kv": uint32(1), "attention.key_length": uint32(8), "attention.value_length": uint32(8),
		"attention.layer_norm_rms_epsilon": float32(1e-5), "rope.freq_base": float32(10000), "rope.dimension_count": uint32(8)} {
		kv = append(kv, checkpoint.KeyValue{Key: arch + "." + key, Value: v})
	}
	return kv
}

// folder writes a Hugging Face folder; no config or no tensors: without that file.
func folder(t *testing.T, config string, tensors checkpoint.Memory) string {
	t.Helper()
	dir := t.TempDir()
	if config != "" {
		put(t, filepath.Join(dir, "config.json"), config)
	}
	if tensors != nil {
		create(t, filepath.Join(dir, "model.safetensors"), func(f *os.File) error {
			return checkpoint.WriteSafetensors(f, tensors.Tensors(), tensors.Read, nil)
		})
	}
	return dir
}

func ggufFile(t *testing.T, kv []checkpoint.KeyValue, tensors checkpoint.Memory) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	create(t, path, func(f *os.File) error { return checkpoint.WriteGGUF(f, kv, tensors.Tensors(), tensors.Read) })
	return path
}

func create(t *testing.T, path string, write func(*os.File) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// edit gives the tensors another value under name, or none.
func edit(m checkpoint.Memory, name string, x ...tensor.Tensor) checkpoint.Memory {
	m = maps.Clone(m)
	delete(m, name)
	if len(x) > 0 {
		m[name] = x[0]
	}
	return m
}

// rowsOf reads a matrix whose value (r, c) was made by matrix and gives the r of each row.
func rowsOf(t *testing.T, c checkpoint.Checkpoint, name string) (rows []int) {
	t.Helper()
	x, err := c.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	cols := x.Shape[1]
	values := x.Float32()
	for r := range x.Shape[0] {
		row := values[r*cols : (r+1)*cols]
		rows = append(rows, int(row[0]))
		for c, v := range row {
			if v != value(int(row[0]), c) {
				t.Fatalf("%s: value (%d, %d) is %g", name, r, c, v)
			}
		}
	}
	return rows
}

func upTo(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

func listed(c checkpoint.Checkpoint) map[string]string {
	m := map[string]string{}
	for _, i := range c.Tensors() {
		m[i.Name] = i.DType.String() + fmt.Sprint(i.Shape)
	}
	return m
}
