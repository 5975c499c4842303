package prune

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/synth"
)

// config reads a configuration of testdata/configs.
func config(t *testing.T, name string) *model.Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldentest.Root(), "testdata", "configs", name, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := model.FromHF(data)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func both(cfg *model.Config) Budget {
	return Budget{Layers: cfg.UnprotectedLayers(), Kinds: model.Kinds, Selection: Local}
}

// The published run of LLaMA-7B.
func TestPublishedPlan(t *testing.T) {
	cfg := config(t, "llama-7b")
	b := both(cfg)
	if b.Layers != (model.Range{First: 4, Last: 29}) {
		t.Errorf("layers cut by default: %s, published 4..29", b.Layers)
	}
	b.LayerRatio = 0.25
	p, err := NewPlan(cfg, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := p.Before.ParamCount(), p.After.ParamCount(); before != 6738415616 || after != 5422977024 {
		t.Errorf("%d -> %d parameters, published 6738415616 -> 5422977024", before, after)
	}
}

// The published form, a quarter of the heads and channels of each layer that is not
// protected, on other known geometries; counted by hand from their sizes.
func TestPublishedForm(t *testing.T) {
	for name, want := range map[string]struct {
		layers        string
		before, after int64
	}{
		"llama-7b":  {"4..29", 6_738_415_616, 5_422_977_024},
		"vicuna-7b": {"4..29", 6_738_415_616, 5_422_977_024},
		"llama-13b": {"4..37", 13_015_864_320, 13_015_864_320 - 34*5120*(10*4*128+3456*3)},
		"llama3-8b": {"4..29", 8_030_261_248, 8_030_261_248 - 26*4096*(2*10*128+3584*3)}, // 4 query heads a group
		"tinyllama": {"3..19", 1_100_048_384, 1_100_048_384 - 17*2048*(1*18*64+1408*3)},  // 8 query heads a group
	} {
		cfg, _, err := synth.Geometry(name)
		if err != nil {
			t.Fatal(err)
		}
		b := both(cfg)
		b.LayerRatio = 0.25
		p, err := NewPlan(cfg, nil, b)
		if err != nil {
			t.Fatal(err)
		}
		if before, after := p.Before.ParamCount(), p.After.ParamCount(); before != want.before || after != want.after || b.Layers.String() != want.layers {
			t.Errorf("%s: %d -> %d parameters in layers %s, want %d -> %d in %s", name, before, after, b.Layers, want.before, want.after, want.layers)
		}
	}
}

// Counts of the published code: heads round down from rows, channels up.
func TestShare(t *testing.T) {
	cfg := &model.Config{HeadDim: 32, Layers: []model.Layer{{Heads: 8, KVHeads: 8, Intermediate: 704}, {Heads: 9, KVHeads: 3, Intermediate: 1536}}}
	for _, c := range []struct {
		layer int
		kind  model.Kind
		ratio float64
		want  int
	}{
		{0, model.Heads, 0.1, 0}, {0, model.Heads, 0.2, 1}, {0, model.Heads, 0.25, 2}, {0, model.Heads, 0.3, 2}, {0, model.Heads, 0.99, 7},
		{0, model.MLP, 0.25, 176}, {0, model.MLP, 0.2, 141}, {0, model.MLP, 0.999, 703},
		{1, model.Heads, 0.3, 0}, {1, model.Heads, 0.34, 1}, {1, model.Heads, 0.7, 2},
	} {
		if got := share(cfg, cfg.Dim(c.layer, c.kind), c.ratio); got != c.want {
			t.Errorf("layer %d %s at %g: %d units, want %d", c.layer, c.kind, c.ratio, got, c.want)
		}
	}
}

// A ratio of all parameters is met, and not exceeded by more than one channel a layer.
func TestRatioIsMet(t *testing.T) {
	for _, name := range []string{"llama-7b", "llama3-8b", "smollm2-135m"} {
		cfg := config(t, name)
		for _, ratio := range []float64{0.01, 0.1, 0.2, 0.5} {
			for _, selection := range []Selection{Local, Global} {
				b := both(cfg)
				b.Ratio, b.Selection = ratio, selection
				p, err := NewPlan(cfg, nil, b)
				if err != nil {
					t.Fatalf("%s at %g: %v", name, ratio, err)
				}
				target := int64(ratio * float64(cfg.ParamCount()))
				slack := cfg.UnitParams(cfg.Dim(5, model.MLP)) * int64(b.Layers.Len())
				if selection == Global {
					slack = cfg.UnitParams(cfg.Dim(5, model.Heads)) + cfg.UnitParams(cfg.Dim(5, model.MLP))
				}
				if over := p.Removed() - target; over < 0 || over > slack {
					t.Errorf("%s at %g, %s: removed %d, asked %d, more than %d over", name, ratio, selection, p.Removed(), target, slack)
				}
			}
		}
	}
}

// Aligned plans leave multiples, meet the budget, and exceed it by no more than one
// multiple in each layer.
func TestAlignment(t *testing.T) {
	for _, name := range []string{"llama3-8b", "smollm2-135m"} {
		cfg := config(t, name)
		for _, align := range []int{32, 64, 256} {
			for _, selection := range []Selection{Local, Global} {
				b := both(cfg)
				b.Params, b.Selection, b.Align = cfg.ParamCount()*85/100, selection, align
				p, err := NewPlan(cfg, uneven(cfg), b)
				if err != nil {
					t.Fatalf("%s, %d: %v", name, align, err)
				}
				slack := cfg.UnitParams(cfg.Dim(5, model.MLP)) * int64(b.Layers.Len()*align)
				if selection == Global {
					slack = cfg.UnitParams(cfg.Dim(5, model.Heads)) + cfg.UnitParams(cfg.Dim(5, model.MLP))*int64(2*align)
				}
				if under := b.Params - p.After.ParamCount(); under < 0 || under > slack {
					t.Errorf("%s, %d, %s: %d parameters under the budget, want 0 to %d", name, align, selection, under, slack)
				}
				for l, after := range p.After.Layers {
					if before := cfg.Layers[l].Intermediate; after.Intermediate != before && after.Intermediate%align != 0 {
						t.Errorf("%s, %s: layer %d keeps %d channels, no multiple of %d", name, selection, l, after.Intermediate, align)
					}
				}
			}
		}
	}
}

// uneven are scores that no two units or layers share.
func uneven(cfg *model.Config) map[model.Dim][]float64 {
	scores, x := map[model.Dim][]float64{}, uint32(1)
	for _, d := range cfg.Dims() {
		for range d.Units {
			x = x*1664525 + 1013904223
			scores[d] = append(scores[d], float64(x))
		}
	}
	return scores
}

func TestRefusedBudgets(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	for name, change := range map[string]func(*Budget){
		"nothing":       func(b *Budget) {},
		"negative":      func(b *Budget) { b.Ratio = -0.1 },
		"all":           func(b *Budget) { b.Ratio = 1 },
		"layer all":     func(b *Budget) { b.LayerRatio = 1 },
		"layer more":    func(b *Budget) { b.LayerRatio = 1.5 },
		"not a number":  func(b *Budget) { b.Ratio = math.NaN() },
		"both":          func(b *Budget) { b.Ratio, b.LayerRatio = 0.1, 0.1 },
		"two":           func(b *Budget) { b.Ratio, b.Params = 0.1, 1e8 },
		"it is smaller": func(b *Budget) { b.Params = 1e9 },
		"no params":     func(b *Budget) { b.Params = 1 },
		"alignment":     func(b *Budget) { b.Ratio, b.Align = 0.1, -1 },
		"unreachable":   func(b *Budget) { b.Ratio = 0.9 },
		"heads cannot":  func(b *Budget) { b.Ratio, b.Kinds = 0.3, []model.Kind{model.Heads} },
		"too small":     func(b *Budget) { b.LayerRatio = 1e-9; b.Kinds = []model.Kind{model.Heads} },
		"bad selection": func(b *Budget) { b.Ratio, b.Selection = 0.1, "best" },
	} {
		b := both(cfg)
		change(&b)
		if _, err := NewPlan(cfg, nil, b); !errors.Is(err, ErrBudget) {
			t.Errorf("%s: got %v, want a budget error", name, err)
		}
	}
}

func TestSelection(t *testing.T) {
	cfg := &model.Config{Family: model.Families[0], VocabSize: 8, HiddenSize: 4, HeadDim: 2,
		Layers: []model.Layer{{Heads: 2, KVHeads: 2, Intermediate: 4}, {Heads: 2, KVHeads: 2, Intermediate: 4}}}
	scores := map[model.Dim][]float64{
		cfg.Dim(0, model.Heads): {2, 1}, cfg.Dim(1, model.Heads): {1, 1},
		cfg.Dim(0, model.MLP): {3, 1, 1, 3}, cfg.Dim(1, model.MLP): {100, 99, 101, 100},
	}
	b := Budget{LayerRatio: 0.5, Layers: cfg.AllLayers(), Kinds: model.Kinds, Selection: Local}
	expect(t, cfg, scores, b, map[model.Dim][]int{
		cfg.Dim(0, model.Heads): {1}, cfg.Dim(1, model.Heads): {0}, // a tie goes to the lower index
		cfg.Dim(0, model.MLP): {1, 2}, cfg.Dim(1, model.MLP): {0, 1},
	})
	b.Selection, b.Kinds = Global, []model.Kind{model.MLP}
	expect(t, cfg, scores, b, map[model.Dim][]int{
		cfg.Dim(0, model.MLP): {1, 2}, cfg.Dim(1, model.MLP): {0, 1}, // relative to layer means 2 and 100
	})
	delete(scores, cfg.Dim(1, model.MLP))
	if _, err := NewPlan(cfg, scores, b); err == nil {
		t.Error("a plan without scores for a layer it cuts")
	}
}

func expect(t *testing.T, cfg *model.Config, scores map[model.Dim][]float64, b Budget, want map[model.Dim][]int) {
	t.Helper()
	p, err := NewPlan(cfg, scores, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range cfg.Dims() {
		if !slices.Equal(p.Pruned[d], want[d]) {
			t.Errorf("%s: %s pruned %v, want %v", b.Selection, d, p.Pruned[d], want[d])
		}
	}
}

// The parameters that go are the fewest but for less than a step of one layer, with
// and without alignment; uniform cuts leave all layers alike.
func TestWithinOneStep(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	for _, align := range []int{0, 32, 64} {
		for _, ratio := range []float64{0.05, 0.1, 0.2, 0.33} {
			b := Budget{Ratio: ratio, Align: align, Layers: cfg.UnprotectedLayers(), Kinds: cfg.Kinds(), Selection: Local}
			p, err := NewPlan(cfg, nil, b)
			if err != nil {
				t.Fatal(err)
			}
			step := cfg.UnitParams(cfg.Dim(4, model.MLP)) * int64(max(1, align))
			if over := cfg.ParamCount() - p.After.ParamCount() - b.target(cfg); over < 0 || over >= step {
				t.Errorf("align %d, ratio %g: %d parameters beyond the target, a step has %d", align, ratio, over, step)
			}
			b.Uniform, b.Layers = true, cfg.AllLayers()
			if p, err = NewPlan(cfg, nil, b); err != nil || !p.After.Uniform() {
				t.Errorf("align %d, ratio %g, uniform: layers differ (%v)", align, ratio, err)
			}
		}
	}
}

// rawOf is the config.json of a golden model.
func rawOf(t *testing.T, family string) map[string]json.RawMessage {
	t.Helper()
	m, err := load.Open(goldentest.Dir(t, family))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return m.Raw
}

// Shares by hand, and a budget that follows them: a layer of half the cost loses twice the channels.
func TestShares(t *testing.T) {
	shares := SharesOf(map[int]float64{1: 0.02, 3: 0.01, 4: 0}, 6)
	if shares[0] != 0 || shares[2] != 0 || shares[5] != 0 || math.Abs(shares[3]/shares[1]-2) > 1e-12 || math.Abs(shares[1]+shares[3]+shares[4]-3) > 1e-12 || math.IsInf(shares[4], 0) {
		t.Errorf("%v", shares)
	}
	cfg := config(t, "smollm2-135m")
	b := Budget{Ratio: 0.1, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}, Selection: Local, Shares: make([]float64, len(cfg.Layers))}
	for l := range b.Shares {
		b.Shares[l] = float64(l % 3)
	}
	p, err := NewPlan(cfg, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	for l := range cfg.Layers {
		gone := cfg.Layers[l].Intermediate - p.After.Layers[l].Intermediate
		one := cfg.Layers[1].Intermediate - p.After.Layers[1].Intermediate
		if math.Abs(float64(gone-one*(l%3))) > 2 {
			t.Errorf("layer %d loses %d channels, layer 1 %d", l, gone, one)
		}
	}
	if target := b.target(cfg); p.Removed() < target || p.Removed() > target+int64(len(cfg.Layers))*cfg.UnitParams(cfg.Dim(0, model.MLP)) {
		t.Errorf("%d parameters go, %d were asked for", p.Removed(), target)
	}
}

// A layer loses nine tenths by its share at most; where that is too little, all lose the same.
func TestSharesAreBounded(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	cut := func(ratio float64) (most, least int) {
		b := Budget{Ratio: ratio, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}, Selection: Local, Align: 32, Shares: make([]float64, len(cfg.Layers))}
		for l := range b.Shares {
			b.Shares[l] = 0.1 + float64(l%3)
		}
		p, err := NewPlan(cfg, nil, b)
		if err != nil {
			t.Fatal(err)
		}
		least = cfg.Layers[0].Intermediate
		for l := range cfg.Layers {
			gone := cfg.Layers[l].Intermediate - p.After.Layers[l].Intermediate
			most, least = max(most, gone), min(least, gone)
		}
		return most, least
	}
	if most, least := cut(0.35); most != 1536-32*4 || least > 200 {
		t.Errorf("35 %%: layers lose %d to %d channels", least, most)
	}
	if most, least := cut(0.57); most-least > 32 || least < 1400 {
		t.Errorf("57 %%: layers lose %d to %d channels", least, most)
	}
}

// Without kinds channels go alone, until more than three quarters of them would; a layer ratio takes of both.
func TestKindsByBudget(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	channels := params(cfg, Budget{Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}}.candidates(cfg, model.MLP))
	of := func(share float64) float64 { return share * float64(channels) / float64(cfg.ParamCount()) }
	for _, tt := range []struct {
		b    Budget
		want []model.Kind
	}{
		{Budget{Ratio: of(0.74)}, []model.Kind{model.MLP}}, {Budget{Ratio: of(0.76)}, model.Kinds}, {Budget{LayerRatio: 0.5}, model.Kinds},
		{Budget{Ratio: of(0.1), Kinds: []model.Kind{model.Heads}}, []model.Kind{model.Heads}},
	} {
		tt.b.Layers, tt.b.Selection = cfg.AllLayers(), Local
		if got := tt.b.kinds(cfg); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.b, got, tt.want)
		}
	}
}
