package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// tiny is a model of two layers of 4 query heads, 2 KV groups, 6 channels and hidden
// size 16, with more keys for its config.json; its values are all different.
func tiny(t *testing.T, modelType, more string) Model {
	t.Helper()
	data := fmt.Sprintf(`{"model_type": %q, "vocab_size": 5, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2, "head_dim": 4,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5%s}`, modelType, more)
	cfg, err := model.FromHF([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	m := Model{Name: modelType}
	if err := json.Unmarshal([]byte(data), &m.Raw); err != nil {
		t.Fatal(err)
	}
	return resized(m, cfg)
}

// resized is m with the sizes of cfg.
func resized(m Model, cfg *model.Config) Model {
	w := checkpoint.Memory{}
	at := float32(0)
	for _, p := range cfg.Params() {
		vals := make([]float32, p.Len())
		for i := range vals {
			at++
			vals[i] = at
		}
		w[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), vals)
	}
	m.Config, m.Weights = cfg, w
	return m
}

// cut leaves one KV group of two in the first layers.
func cut(m Model, layers int) Model {
	left := map[model.Dim]int{}
	for l := range layers {
		left[m.Config.Dim(l, model.Heads)] = 1
	}
	return resized(m, m.Config.Cut(left))
}

const (
	sliding  = `, "sliding_window": 7`
	long     = `, "original_max_position_embeddings": 16, "rope_scaling": {"type": "longrope", "short_factor": [1, 1.5], "long_factor": [2, 3.5]}`
	biases   = `, "attention_bias": true`
	biases2  = `, "attention_bias": true, "mlp_bias": true`
	caps     = `, "sliding_window": 7, "query_pre_attn_scalar": 4, "attn_logit_softcapping": 20, "final_logit_softcapping": 10.5`
	windowed = `, "use_sliding_window": true, "sliding_window": 7, "max_window_layers": 1`
	partial  = `, "partial_rotary_factor": 0.5`
	scalar   = `, "query_pre_attn_scalar": 4`
	factors  = `, "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.015625, "logits_scaling": 8.0`
	growth   = `, "rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.25}`
	llama3   = `, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}`
)

// write plans and writes, and checks that every file has the planned size.
func write(t *testing.T, m Model, path string, o Options) *Plan {
	t.Helper()
	p, err := NewPlan(m, path, o)
	if err != nil {
		t.Fatal(err)
	}
	var done, total int64
	if err := p.Write(context.Background(), func(d, n int64) { done, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if done != p.Bytes || total != p.Bytes {
		t.Errorf("progress ends at %d of %d bytes, the plan has %d", done, total, p.Bytes)
	}
	var sum int64
	for _, f := range p.Files {
		file := path
		if p.Format == HF {
			file = filepath.Join(path, f.Name)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		sum += f.Bytes
		if info.Size() != f.Bytes {
			t.Errorf("%s has %d bytes, planned were %d", f.Name, info.Size(), f.Bytes)
		}
	}
	if sum != p.Bytes {
		t.Errorf("the files have %d bytes, the plan %d", sum, p.Bytes)
	}
	return p
}

func open(t *testing.T, path string) *load.Model {
	t.Helper()
	m, err := load.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// stories is the model in the program.
func stories(t *testing.T) Model {
	t.Helper()
	m := open(t, load.Builtin)
	v, err := m.Vocab()
	if err != nil {
		t.Fatal(err)
	}
	return Model{Name: "stories260K", Config: m.Config, Weights: m.Weights, Vocab: v}
}

// same fails unless got has the tensors of want, bit by bit but for what a GGUF file holds
// plus an offset, and computes the same with them.
func same(t *testing.T, got *load.Model, want Model) {
	t.Helper()
	if !reflect.DeepEqual(got.Config.Layers, want.Config.Layers) {
		t.Errorf("layers %v, want %v", got.Config.Layers, want.Config.Layers)
	}
	if a, b := computes(got.Config), computes(want.Config); a != b {
		t.Errorf("computed is %+v, want %+v", a, b)
	}
	for _, p := range want.Config.Params() {
		a, errA := got.Weights.Read(p.Name)
		b, errB := want.Weights.Read(p.Name)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if want.Config.GGUFOffset(p) != 0 && goldentest.MaxAbs(a.Float32(), b.Float32()) <= 0x1p-23 {
			continue // half an ulp of 1 + w, at most 4, and none of the rest
		}
		if a.DType != b.DType || !bytes.Equal(a.Data, b.Data) {
			t.Errorf("%s came back with other values", p.Name)
		}
	}
}

// computes is what families differ in beside their parameters.
func computes(c *model.Config) model.Math {
	m := c.Math
	m.Rope, m.ScoreScale, m.RotaryDim = model.Rope{}, float64(c.AttentionScale()), c.Rotary()
	m.Growth.Beta = float64(float32(m.Growth.Beta))
	if !c.HasPositions(model.LocalRope) {
		m.LocalRope = model.Rope{}
	}
	return m
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// constant is a model whose matrices hold one value.
func constant(t *testing.T, d tensor.DType, v float32) Model {
	t.Helper()
	m := stories(t)
	w := checkpoint.Memory{}
	for _, p := range m.Config.Params() {
		vals := make([]float32, p.Len())
		for i := range vals {
			vals[i] = v
		}
		w[p.Name] = tensor.FromFloat32(d, p.Shape(), vals)
	}
	m.Weights = w
	return m
}

// quantise replaces one matrix by Q8_0 blocks of scale 0.5 and quants 2: value 1.
func quantise(t *testing.T, m Model, name string) {
	t.Helper()
	w := m.Weights.(checkpoint.Memory)
	block := append([]byte{0, 0x38}, bytes.Repeat([]byte{2}, 32)...)
	w[name] = tensor.New(tensor.Q8_0, w[name].Shape, bytes.Repeat(block, w[name].Len()/32))
}
