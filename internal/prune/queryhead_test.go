package prune

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/synth"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Each KV group loses its own weakest query head; whole ranks compete with those of
// other layers.
func TestSelectionOfQueryHeads(t *testing.T) {
	layer := model.Layer{Heads: 6, KVHeads: 2, Intermediate: 4}
	cfg := (&model.Config{Family: model.Families[0], VocabSize: 8, HiddenSize: 4, HeadDim: 2, Layers: []model.Layer{layer, layer}}).ByQueryHead()
	first, second := cfg.Dim(0, model.QueryHeads), cfg.Dim(1, model.QueryHeads)
	scores := map[model.Dim][]float64{
		first:  {9, 1, 5 /**/, 8, 8, 20},      // ranks {1, 3}, {2, 4}, {0, 5}; mean 8.5
		second: {10, 10, 10 /**/, 30, 20, 25}, // ranks {0, 4}, {1, 5}, {2, 3}; mean 17.5
	}
	b := Budget{LayerRatio: 0.34, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.QueryHeads}, Selection: Local}
	expect(t, cfg, scores, b, map[model.Dim][]int{first: {1, 3}, second: {0, 4}})
	b.LayerRatio = 0.99 // one query head of each group stays
	expect(t, cfg, scores, b, map[model.Dim][]int{first: {1, 2, 3, 4}, second: {0, 1, 4, 5}})
	// Ranks by score: 9/17 and 13/17 of the first layer, 30/35 and 35/35 of the second.
	b.LayerRatio, b.Selection = 0.34, Global
	expect(t, cfg, scores, b, map[model.Dim][]int{first: {1, 2, 3, 4}})
	b.LayerRatio = 0.2
	if _, err := NewPlan(cfg, scores, b); err == nil || !strings.Contains(err.Error(), "too small to cut a single unit") {
		t.Errorf("less than one of three query heads: %v", err)
	}
}

// A quarter of the query heads and channels of layers 4..29 of LLaMA-3-8B, counted by
// hand: 8 query heads of 32 go, one of each KV group, q's rows and o's columns alone.
func TestPublishedFormByQueryHeads(t *testing.T) {
	groups, _, err := synth.Geometry("llama3-8b")
	if err != nil {
		t.Fatal(err)
	}
	cfg := groups.ByQueryHead()
	b := both(cfg)
	b.LayerRatio, b.Kinds = 0.25, cfg.Kinds()
	p, err := NewPlan(cfg, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	const want = 26 * 4096 * (2*8*128 + 3584*3)
	if p.Removed() != want || p.After.KVBytes() != cfg.KVBytes() {
		t.Errorf("removed %d parameters, want %d, and none of the KV cache", p.Removed(), want)
	}
}

// Budgets are met, and every layer keeps its KV heads with as many query heads each.
func TestQueryHeadBudgets(t *testing.T) {
	for _, name := range []string{"llama3-8b", "smollm2-135m"} {
		cfg := config(t, name).ByQueryHead()
		for _, ratio := range []float64{0.01, 0.1, 0.3, 0.5} {
			for _, selection := range []Selection{Local, Global} {
				b := Budget{Ratio: ratio, Layers: cfg.UnprotectedLayers(), Kinds: cfg.Kinds(), Selection: selection, Align: 32}
				p, err := NewPlan(cfg, uneven(cfg), b)
				if err != nil {
					t.Fatalf("%s at %g, %s: %v", name, ratio, selection, err)
				}
				if target := b.target(cfg); p.Removed() < target {
					t.Errorf("%s at %g, %s: removed %d of %d", name, ratio, selection, p.Removed(), target)
				}
				for l, after := range p.After.Layers {
					before := cfg.Layers[l]
					if after.KVHeads != before.KVHeads || after.Heads < after.KVHeads || after.Heads%after.KVHeads != 0 {
						t.Errorf("%s at %g, %s: layer %d has %+v of %+v", name, ratio, selection, l, after, before)
					}
					kept := make([]int, before.KVHeads) // query heads of each group
					for _, h := range p.Kept(cfg.Dim(l, model.QueryHeads)) {
						kept[h/before.Group()]++
					}
					if slices.Max(kept) != after.Group() || slices.Min(kept) != after.Group() {
						t.Errorf("%s at %g, %s: layer %d keeps %v query heads of its groups", name, ratio, selection, l, kept)
					}
				}
			}
		}
	}
}

// maskedHeads sets columns of o_proj of query heads that go to 0, in a plain loop.
type maskedHeads struct {
	checkpoint.Checkpoint
	plan *Plan
}

func (m maskedHeads) Read(name string) (tensor.Tensor, error) {
	x, err := m.Checkpoint.Read(name)
	for l := range m.plan.Before.Layers {
		if err != nil || name != fmt.Sprintf("model.layers.%d.self_attn.o_proj.weight", l) {
			continue
		}
		w, D, cols := x.Float32(), m.plan.Before.HeadDim, x.Shape[1]
		for i := range w {
			if slices.Contains(m.plan.Pruned[m.plan.Before.Dim(l, model.QueryHeads)], i%cols/D) {
				w[i] = 0
			}
		}
		x = tensor.FromFloat32(tensor.F32, x.Shape, w)
	}
	return x, err
}

// The cut model computes what the golden one does with the same query heads masked:
// with biases, norms of heads and windows too.
func TestQueryHeadsCutAsMasked(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range goldentest.Families {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			cfg := g.Config.ByQueryHead()
			if !cfg.Grouped() {
				t.Skip("no grouped queries")
			}
			b := Budget{LayerRatio: 0.5, Layers: model.Range{First: 1, Last: len(cfg.Layers) - 1}, Kinds: []model.Kind{model.QueryHeads}, Selection: Local}
			if cfg.Layers[0].Group() == 3 {
				b.LayerRatio = 0.34
			}
			p, err := NewPlan(cfg, uneven(cfg), b)
			if err != nil {
				t.Fatal(err)
			}
			pruned, err := p.Run(t.Context(), stage.Model{Config: g.Config, Weights: g.Weights})
			if err != nil {
				t.Fatal(err)
			}
			got, want := logitsOf(t, be, pruned.Config, pruned.Weights, g), logitsOf(t, be, g.Config, maskedHeads{g.Weights, p}, g)
			if d := goldentest.MaxAbs(got, want); !(d <= 1e-5) {
				t.Errorf("logits differ by %g from those of masked heads, want <= 1e-5", d)
			}
			if d := goldentest.MaxAbs(got, g.Float32(t, "logits")); d < 1e-2 {
				t.Errorf("logits are those of the dense model")
			}
		})
	}
}

func logitsOf(t *testing.T, be backend.Backend, cfg *model.Config, w checkpoint.Checkpoint, g *goldentest.Golden) (logits []float32) {
	t.Helper()
	if err := transformer.New(be, cfg).Logits(context.Background(), g.Batch(t), transformer.NewStreamed(be, w), func(rows []float32) error {
		logits = append(logits, rows...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return logits
}

// plan.json names the query heads that went, and only where heads went alone.
func TestPlanNamesQueryHeads(t *testing.T) {
	groups := config(t, "smollm2-135m")
	for _, cfg := range []*model.Config{groups, groups.ByQueryHead()} {
		p, err := NewPlan(cfg, uneven(cfg), Budget{LayerRatio: 0.34, Layers: model.Range{First: 4, Last: 4}, Kinds: cfg.Kinds(), Selection: Local})
		if err != nil {
			t.Fatal(err)
		}
		data, err := (&Record{Before: cfg, After: p.After, Stages: stage.Sequence{p}}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		var f file
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		want := layerEntry{KVHeads: [2]int{3, 2}, Heads: [2]int{9, 6}, PrunedHeads: p.Pruned[cfg.Dim(4, model.Heads)]}
		if cfg.QueryHeads {
			want.KVHeads, want.PrunedHeads, want.PrunedQuery = [2]int{3, 3}, []int{}, p.Pruned[cfg.Dim(4, model.QueryHeads)]
		}
		got := f.Stages[0].Cut.Layers[4]
		if got.KVHeads != want.KVHeads || got.Heads != want.Heads || !slices.Equal(got.PrunedHeads, want.PrunedHeads) || !slices.Equal(got.PrunedQuery, want.PrunedQuery) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if strings.Count(string(data), "pruned_query_heads") != min(1, len(want.PrunedQuery)) || !slices.Contains(f.Stages[0].Cut.Budget.Kinds, cfg.AttentionKind().String()) {
			t.Errorf("kinds %v: %.200s", f.Stages[0].Cut.Budget.Kinds, data)
		}
	}
}
