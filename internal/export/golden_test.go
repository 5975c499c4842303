package export

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/prune"
	"moreau/internal/stage"
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
	cut := prune.Cut{}
	for _, d := range g.Config.Dims() {
		if u := units[fmt.Sprintf("%d.%s", d.Layer, d.Kind)]; len(u) > 0 {
			cut[d] = u
		}
	}
	pruned, err := cut.Run(t.Context(), stage.Model{Config: g.Config, Weights: g.Weights})
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
	return Model{Name: family, Config: pruned.Config, Weights: pruned.Weights, Raw: raw, Dir: g.Dir()}
}
