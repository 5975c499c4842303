package prune

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// blocks is a tiny model whose matrices are block-quantised.
func blocks() stage.Model {
	layer := model.Layer{Heads: 4, KVHeads: 2, Intermediate: 64}
	cfg := &model.Config{Family: model.Families[0], VocabSize: 8, HiddenSize: 32, HeadDim: 16, MaxPositions: 8, Layers: []model.Layer{layer, layer}}
	m := checkpoint.Memory{}
	for i, p := range cfg.Params() {
		values := make([]float32, p.Len())
		for j := range values {
			values[j] = float32((i+3*j)%17) - 8
		}
		m[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), values)
		if len(p.Axes) == 2 {
			m[p.Name] = tensor.FromFloat32(tensor.Q8_0, p.Shape(), values)
		}
	}
	return stage.Model{Config: cfg, Weights: m}
}

// What a cut says of each tensor is what is read of it: rows of blocks stay blocks,
// parts of blocks become float32. The list is the caller's to change.
func TestCutTensorsAreAsListed(t *testing.T) {
	m := blocks()
	cut := Cut{m.Config.Dim(0, model.Heads): {1}, m.Config.Dim(1, model.MLP): {0, 5}}
	got, err := cut.Run(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]tensor.DType{}
	for _, info := range got.Weights.Tensors() {
		x, err := got.Weights.Read(info.Name)
		if err != nil || x.DType != info.DType || !slices.Equal(x.Shape, info.Shape) {
			t.Errorf("%s is listed as %s%v and read as %s%v (%v)", info.Name, info.DType, info.Shape, x.DType, x.Shape, err)
		}
		types[info.Name] = info.DType
	}
	for name, want := range map[string]tensor.DType{
		"model.layers.0.self_attn.q_proj.weight": tensor.Q8_0, "model.layers.0.self_attn.o_proj.weight": tensor.F32, "model.layers.0.mlp.down_proj.weight": tensor.Q8_0,
		"model.layers.1.self_attn.o_proj.weight": tensor.Q8_0, "model.layers.1.mlp.gate_proj.weight": tensor.Q8_0, "model.layers.1.mlp.down_proj.weight": tensor.F32,
	} {
		if types[name] != want {
			t.Errorf("%s is %s, want %s", name, types[name], want)
		}
	}
	list := got.Weights.Tensors()
	list[0].Name, list[0].Shape[0] = "changed", 99
	if again := got.Weights.Tensors()[0]; again.Name == "changed" || again.Shape[0] == 99 {
		t.Error("Tensors gives its own list away")
	}
}

// A cut of query heads is the same whatever unit of attention the configuration names.
func TestCutOfQueryHeadsOnAnyConfiguration(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	cut := Cut{g.Config.Dim(1, model.QueryHeads): {0, 4}, g.Config.Dim(0, model.MLP): {3}}
	var models []stage.Model
	for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
		m, err := cut.Run(t.Context(), stage.Model{Config: cfg, Weights: g.Weights})
		if err != nil {
			t.Fatal(err)
		}
		if m.Config.QueryHeads != cfg.QueryHeads {
			t.Error("the unit of attention changed")
		}
		models = append(models, m)
	}
	sameModel(t, "query heads", models[0], models[1])
	groups := Cut{g.Config.Dim(1, model.Heads): {1}}
	for i, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
		m, err := groups.Run(t.Context(), stage.Model{Config: cfg, Weights: g.Weights})
		if err != nil {
			t.Fatal(err)
		}
		models[i] = m
	}
	sameModel(t, "KV groups", models[0], models[1])
}

// Of several dimensions that cannot be cut the error names the first, by layer and kind, however often it is asked.
func TestCutNamesTheFirst(t *testing.T) {
	m := blocks()
	heads, channels := m.Config.Dim(0, model.Heads), m.Config.Dim(0, model.MLP)
	cut := Cut{heads: {0, 1}, channels: {64}, m.Config.Dim(1, model.Heads): {2}, m.Config.Dim(1, model.MLP): {-1}}
	for range 20 {
		if _, err := cut.Estimate(m.Config); !errors.Is(err, ErrUnits) || !strings.Contains(err.Error(), heads.String()) {
			t.Fatalf("%v, want that of %s", err, heads)
		}
	}
}

// Tensors of other sizes than the configuration says are refused by name, along whatever axis.
func TestCutRefusesOtherShapes(t *testing.T) {
	m := blocks()
	cut := Cut{m.Config.Dim(0, model.MLP): {3}}
	for name, shape := range map[string][]int{
		"model.layers.0.mlp.gate_proj.weight": {65, 32}, "model.layers.0.mlp.down_proj.weight": {32, 63}, "model.layers.1.self_attn.q_proj.weight": {64, 31}, "model.norm.weight": {33},
	} {
		other := maps.Clone(m.Weights.(checkpoint.Memory))
		other[name] = tensor.FromFloat32(tensor.F32, shape, make([]float32, tensor.Count(shape)))
		_, err := cut.Run(t.Context(), stage.Model{Config: m.Config, Weights: other})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), fmt.Sprint(shape)) {
			t.Errorf("%s of %v: %v", name, shape, err)
		}
	}
}
