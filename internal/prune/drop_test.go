package prune

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// silent sets all that layers add to the residual stream to 0, by name.
func silent(t *testing.T, c checkpoint.Checkpoint, layers ...int) checkpoint.Checkpoint {
	t.Helper()
	var infos []checkpoint.Info
	for _, info := range c.Tensors() {
		for _, l := range layers {
			name, of := strings.CutPrefix(info.Name, fmt.Sprintf("model.layers.%d.", l))
			if of && (strings.HasPrefix(name, "self_attn.o_proj") || strings.HasPrefix(name, "mlp.down_proj")) {
				infos = append(infos, info)
			}
		}
	}
	v, err := checkpoint.Override(c, infos, func(name string) (tensor.Tensor, error) {
		x, err := c.Read(name)
		clear(x.Data)
		return x, err
	})
	if err != nil || len(infos) < 2*len(layers) {
		t.Fatal(infos, err)
	}
	return v
}

// The layers with the lowest scores go, ties by index, until the budget is met; sizes count where they differ.
func TestLayersForABudget(t *testing.T) {
	cfg := goldentest.Open(t, "llama_mha").Config
	cfg = cfg.WithLayers(slices.Repeat(cfg.Layers[:1], 6))
	layer, all := cfg.UnitParams(cfg.Dim(0, model.Whole)), cfg.ParamCount()
	if without := cfg.KeepLayers([]int{0, 1, 2, 3, 4}); all-without.ParamCount() != layer {
		t.Fatalf("a layer has %d parameters, %d go with it", layer, all-without.ParamCount())
	}
	larger := cfg.WithLayers(slices.Clone(cfg.Layers))
	larger.Layers[4].Intermediate *= 3
	scores := func(c *model.Config, of ...float64) map[model.Dim][]float64 {
		s := map[model.Dim][]float64{}
		for l, v := range of {
			s[c.Dim(l, model.Whole)] = []float64{v}
		}
		return s
	}
	for _, c := range []struct {
		cfg    *model.Config
		scores map[model.Dim][]float64
		b      Budget
		want   Drop
		err    error
	}{
		{cfg, scores(cfg, 0, 5, 2, 3, 2, 0), Budget{Params: all - 1}, Drop{2}, nil},
		{cfg, scores(cfg, 0, 5, 2, 3, 2, 0), Budget{Params: all - 2*layer}, Drop{2, 4}, nil},
		{cfg, scores(cfg, 0, 5, 2, 3, 2, 0), Budget{Ratio: float64(2*layer+1) / float64(all)}, Drop{2, 3, 4}, nil},
		{larger, scores(larger, 0, 5, 2, 3, 2.1, 0), Budget{Params: larger.ParamCount() - layer}, Drop{4}, nil},
		{cfg, nil, Budget{Params: all - 2*layer}, Drop{1, 2}, nil},
		{cfg, scores(cfg, 0, 5, 2), Budget{Params: all - 1}, nil, ErrScores},
		{cfg, nil, Budget{Params: all - 4*layer - 1}, nil, ErrBudget},
		{cfg, nil, Budget{Params: all}, nil, ErrBudget},
		{cfg, nil, Budget{}, nil, ErrBudget},
		{cfg, nil, Budget{Params: all - 5*layer - 1, Layers: model.Range{Last: 5}}, nil, ErrBudget},
	} {
		if c.b.Selection, c.b.Kinds = Local, []model.Kind{model.Whole}; c.b.Layers.Last == 0 {
			c.b.Layers = model.Range{First: 1, Last: 4}
		}
		if got, err := NewDrop(c.cfg, c.scores, c.b); !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%+v: %v (%v), want %v (%v)", c.b, got, err, c.want, c.err)
		}
	}
}

// A model without a layer computes what it does with a layer that adds nothing: windows,
// positions and types of the others go with them.
func TestDroppedLayersAddNothing(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			for l := range g.Config.Layers {
				m, err := Drop{l}.Run(t.Context(), stage.Model{Config: g.Config, Weights: g.Weights})
				if err != nil {
					t.Fatal(err)
				}
				if len(m.Config.Layers) != len(g.Config.Layers)-1 || m.Config.Validate() != nil {
					t.Fatalf("%d layers: %v", len(m.Config.Layers), m.Config.Validate())
				}
				got, want := logitsOf(t, be, m.Config, m.Weights, g), logitsOf(t, be, g.Config, silent(t, g.Weights, l), g)
				if d := goldentest.MaxAbs(got, want); d != 0 {
					t.Errorf("without layer %d logits differ by %g", l, d)
				}
				if d := goldentest.MaxAbs(got, g.Float32(t, "logits")); d < 1e-3 {
					t.Errorf("without layer %d logits are those of the whole model", l)
				}
			}
		})
	}
}

// shifted is c on the model without the layers of d, none of which it cuts.
func shifted(c Cut, d Drop, cfg, after *model.Config) Cut {
	s := Cut{}
	for dim, units := range c {
		if l, stays := slices.BinarySearch(d.Kept(len(cfg.Layers)), dim.Layer); stays {
			s[after.Dim(l, dim.Kind)] = units
		}
	}
	return s
}

// Layers dropped and units cut give the same model in either order.
func TestStagesCompose(t *testing.T) {
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			dense := stage.Model{Config: g.Config, Weights: g.Weights, Raw: rawOf(t, family)}
			last := len(g.Config.Layers) - 1
			drop, cut := Drop{last - 1}, Cut{g.Config.Dim(last, model.MLP): {0, 2}}
			for l := range last {
				cut[g.Config.Dim(l, model.MLP)] = []int{1, 4, 5}
			}
			if g.Config.Layers[last].KVHeads > 1 {
				cut[g.Config.Dim(last, model.Heads)] = []int{1}
			}
			e, err := drop.Estimate(g.Config)
			if err != nil {
				t.Fatal(err)
			}
			var models []stage.Model
			for _, s := range []stage.Sequence{{drop, shifted(cut, drop, g.Config, e.After)}, {cut, drop}} {
				m, err := s.Run(t.Context(), dense)
				if err != nil {
					t.Fatal(err)
				}
				if e, err := s.Estimate(g.Config); err != nil || !slices.Equal(e.After.Layers, m.Config.Layers) || e.Bytes != 0 || e.FLOPs != 0 {
					t.Errorf("estimated %v, %v", e, err)
				}
				if n := string(m.Raw["num_hidden_layers"]); n != fmt.Sprint(last) {
					t.Errorf("config.json says %s layers", n)
				}
				models = append(models, m)
			}
			sameModel(t, family, models[0], models[1])
		})
	}
}

// sameModel compares sizes, config.json and every byte.
func sameModel(t *testing.T, what string, a, b stage.Model) {
	t.Helper()
	if !slices.Equal(a.Config.Layers, b.Config.Layers) || !maps.EqualFunc(a.Raw, b.Raw, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) }) {
		t.Fatalf("%s: layers %v and %v", what, a.Config.Layers, b.Config.Layers)
	}
	infos := a.Weights.Tensors()
	if len(infos) != len(a.Config.Params()) || len(infos) != len(b.Weights.Tensors()) {
		t.Fatalf("%s: %d and %d tensors of %d", what, len(infos), len(b.Weights.Tensors()), len(a.Config.Params()))
	}
	for i, info := range b.Weights.Tensors() {
		x, err := a.Weights.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.Weights.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if infos[i].Name != info.Name || x.DType != info.DType || !slices.Equal(x.Shape, info.Shape) || !bytes.Equal(x.Data, y.Data) {
			t.Errorf("%s: %s differs", what, info.Name)
		}
	}
}

func TestRefusedDrops(t *testing.T) {
	cfg := config(t, "smollm2-135m") // 30 layers
	all := make(Drop, 30)
	for i := range all {
		all[i] = i
	}
	for _, d := range []Drop{{-1}, {30}, {3, 3}, {4, 2}, all} {
		if _, err := d.Estimate(cfg); !errors.Is(err, ErrLayers) {
			t.Errorf("%v: %v", d, err)
		}
		if _, err := d.Run(t.Context(), stage.Model{Config: cfg}); !errors.Is(err, ErrLayers) {
			t.Errorf("%v runs: %v", d, err)
		}
	}
	if e, err := all[1:].Estimate(cfg); err != nil || len(e.After.Layers) != 1 {
		t.Errorf("one layer left: %v", err)
	}
}

// A ratio is the share of the parameters that go in all.
func TestBudgetCountsDroppedLayers(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	e, err := Drop{20, 21}.Estimate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dense, dropped := cfg.ParamCount(), cfg.ParamCount()-e.After.ParamCount()
	b := both(e.After)
	b.Ratio, b.Dropped = 0.2, dropped
	p, err := NewPlan(e.After, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	over := dropped + p.Removed() - int64(0.2*float64(dense))
	if step := cfg.UnitParams(cfg.Dim(5, model.MLP)); over < 0 || over > step {
		t.Errorf("%d parameters beyond a fifth of the dense model's, a step has %d", over, step)
	}
	b.Ratio = 0.04 // less than two of 30 layers
	if _, err := NewPlan(e.After, nil, b); !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "dropped layers") {
		t.Error(err)
	}
	b.Ratio = 0.9
	if _, err := NewPlan(e.After, nil, b); !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "ratio 0.9 cannot") {
		t.Error(err)
	}
}

// Scores of the whole model hold for the layers that stay, and back.
func TestScoresOfLayersThatStay(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	drop, scores := Drop{3, 20}, uneven(cfg)
	after := cfg.KeepLayers(drop.Kept(30))
	left := drop.After(cfg, scores)
	if len(left) != 2*28 || !slices.Equal(left[after.Dim(3, model.MLP)], scores[cfg.Dim(4, model.MLP)]) || !slices.Equal(left[after.Dim(27, model.Heads)], scores[cfg.Dim(29, model.Heads)]) {
		t.Error("scores of other layers")
	}
	back := drop.Before(cfg, left)
	for _, kind := range model.Kinds {
		for _, l := range drop {
			delete(scores, cfg.Dim(l, kind))
		}
	}
	if !reflect.DeepEqual(back, scores) {
		t.Error("the way back gives others")
	}
}

func TestRangeOfLayersThatStay(t *testing.T) {
	for _, c := range []struct {
		drop Drop
		r    model.Range
		want string // "": none stays
	}{
		{Drop{}, model.Range{First: 2, Last: 5}, "2..5"},
		{Drop{0, 1}, model.Range{First: 2, Last: 5}, "0..3"},
		{Drop{2, 5}, model.Range{First: 2, Last: 5}, "2..3"},
		{Drop{1, 3}, model.Range{First: 0, Last: 9}, "0..7"},
		{Drop{8, 9}, model.Range{First: 4, Last: 9}, "4..7"},
		{Drop{3, 4}, model.Range{First: 3, Last: 4}, ""},
		{Drop{9}, model.Range{First: 9, Last: 9}, ""},
		{Drop{0}, model.Range{First: 0, Last: 0}, ""},
	} {
		r, some := c.drop.Within(c.r, 10)
		if some != (c.want != "") || some && r.String() != c.want {
			t.Errorf("%s without %v: %s, %v, want %q", c.r, c.drop, r, some, c.want)
		}
	}
}
