package prune

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/model"
)

// Under global selection a score counts relative to the mean of its layer and kind, however
// many units that has and whatever its scores are of.
func TestGlobalIsRelative(t *testing.T) {
	cfg := config(t, "smollm2-135m")
	narrow, wide := cfg.Layers[0], cfg.Layers[0]
	narrow.Intermediate, wide.Intermediate = 4, 8
	cfg = cfg.WithLayers([]model.Layer{narrow, wide})
	few, many := cfg.Dim(0, model.MLP), cfg.Dim(1, model.MLP)
	for name, factor := range map[string]float64{"alike": 1, "larger": 100, "smaller": 0.01} {
		scores := map[model.Dim][]float64{
			few:  {0.9, 1, 1.05, 1.05},
			many: {1.1 * factor, 0.8 * factor, 1.1 * factor, 0.85 * factor, 1.05 * factor, 1.05 * factor, 1.05 * factor, factor},
		}
		p, err := NewPlan(cfg, scores, Budget{LayerRatio: 0.2, Selection: Global, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}})
		if err != nil {
			t.Fatal(err)
		}
		if want := (Cut{few: {0}, many: {1, 3}}); !reflect.DeepEqual(p.Pruned, want) {
			t.Errorf("%s: %v go, want %v", name, p.Pruned, want)
		}
	}
}

// Scores must be of every unit of what is to be cut, be it a single unit, and of nothing else.
func TestScoresCover(t *testing.T) {
	cfg := config(t, "smollm2-135m").WithLayers([]model.Layer{{Heads: 2, KVHeads: 2, Intermediate: 4}, {Heads: 2, KVHeads: 2, Intermediate: 4}})
	first, second := cfg.Dim(0, model.MLP), cfg.Dim(1, model.MLP)
	for name, c := range map[string]struct {
		scores map[model.Dim][]float64
		fine   bool
	}{
		"both":     {map[model.Dim][]float64{first: {1, 2, 3, 4}, second: {4, 3, 2, 1}}, true},
		"one":      {map[model.Dim][]float64{first: {1, 2, 3, 4}}, false},
		"too few":  {map[model.Dim][]float64{first: {1, 2, 3, 4}, second: {4, 3, 2}}, false},
		"too many": {map[model.Dim][]float64{first: {1, 2, 3, 4}, second: {4, 3, 2, 1, 0}}, false},
	} {
		_, err := NewPlan(cfg, c.scores, Budget{LayerRatio: 0.25, Selection: Local, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}})
		if c.fine != (err == nil) || !c.fine && (!errors.Is(err, ErrScores) || !strings.Contains(err.Error(), second.String())) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where all scores of a layer are 0, as after a threshold that shrinks every unit, its units
// count as the least and go first, the lower ones before the others.
func TestScoresOfZero(t *testing.T) {
	cfg := config(t, "smollm2-135m").WithLayers([]model.Layer{{Heads: 2, KVHeads: 2, Intermediate: 8}, {Heads: 2, KVHeads: 2, Intermediate: 8}})
	first, second := cfg.Dim(0, model.MLP), cfg.Dim(1, model.MLP)
	zero, some := make([]float64, 8), []float64{8, 7, 6, 5, 4, 3, 2, 1}
	for _, tt := range []struct {
		scores map[model.Dim][]float64
		want   Cut
	}{
		{map[model.Dim][]float64{first: zero, second: some}, Cut{first: {0, 1, 2, 3}}},
		{map[model.Dim][]float64{first: some, second: zero}, Cut{second: {0, 1, 2, 3}}},
		{map[model.Dim][]float64{first: zero, second: zero}, Cut{first: {0, 1, 2, 3}}},
	} {
		p, err := NewPlan(cfg, tt.scores, Budget{LayerRatio: 0.25, Selection: Global, Layers: cfg.AllLayers(), Kinds: []model.Kind{model.MLP}})
		if err != nil || !reflect.DeepEqual(p.Pruned, tt.want) {
			t.Errorf("%v: %+v, %v, want %v", tt.scores, p, err, tt.want)
		}
	}
}

// Under one threshold all units compete by their scores as they are, which may be below 0, until their parameters make up the
// budget: a KV group counts as many channels as it has parameters of.
func TestThreshold(t *testing.T) {
	cfg := config(t, "smollm2-135m").WithLayers([]model.Layer{{Heads: 9, KVHeads: 3, Intermediate: 600}, {Heads: 9, KVHeads: 3, Intermediate: 600}})
	scores := map[model.Dim][]float64{}
	for _, d := range cfg.Dims() {
		scores[d] = make([]float64, d.Units)
		for u := range scores[d] {
			scores[d][u] = 1 + float64(u)/1000 + float64(d.Layer)
		}
	}
	heads, channels := cfg.Dim(1, model.Heads), cfg.Dim(0, model.MLP)
	scores[heads][1], scores[cfg.Dim(0, model.Heads)][2], scores[channels][7], scores[channels][0] = -2, -1, -3, 0.5
	group, channel := cfg.UnitParams(heads), cfg.UnitParams(channels)
	for want, budget := range map[string]struct {
		gone int64
		cut  Cut
	}{
		"a channel":            {channel, Cut{channels: {7}}},
		"and a group":          {channel + 1, Cut{channels: {7}, heads: {1}}},
		"and another":          {channel + group + 1, Cut{channels: {7}, heads: {1}, cfg.Dim(0, model.Heads): {2}}},
		"and the next channel": {channel + 2*group + 1, Cut{channels: {0, 7}, heads: {1}, cfg.Dim(0, model.Heads): {2}}},
	} {
		p, err := NewPlan(cfg, scores, Budget{Params: cfg.ParamCount() - budget.gone, Selection: Threshold, Layers: cfg.AllLayers()})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p.Pruned, budget.cut) {
			t.Errorf("%s: %v go, want %v", want, p.Pruned, budget.cut)
		}
	}
}
