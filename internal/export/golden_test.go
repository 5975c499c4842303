package export

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
)

// prunedGolden is a golden model without the units of its pruned.json.
func prunedGolden(t *testing.T, family string) Model {
	t.Helper()
	g := goldentest.Open(t, family)
	data, err := os.ReadFile(filepath.Join(g.Dir(), "pruned.json"))
	if err != nil {
		t.Fatal(err)
	}
	var units map[string][]int
	if err := json.Unmarshal(data, &units); err != nil {
		t.Fatal(err)
	}
	plan := &prune.Plan{Before: g.Config, Pruned: map[model.Dim][]int{}}
	left := map[model.Dim]int{}
	for _, d := range g.Config.Dims() {
		u := units[fmt.Sprintf("%d.%s", d.Layer, d.Kind)]
		plan.Pruned[d], left[d] = u, d.Units-len(u)
	}
	plan.After = g.Config.Cut(left)
	weights, err := prune.Apply(plan, g.Weights)
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]json.RawMessage{}
	if data, err = os.ReadFile(filepath.Join(g.Dir(), "config.json")); err == nil {
		err = json.Unmarshal(data, &raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Model{Name: family, Config: plan.After, Weights: weights, Raw: raw, Dir: g.Dir()}
}
