package prune

import (
	"reflect"
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
