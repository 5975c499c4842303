package prune

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// goldenPlan is the plan of a golden folder's pruned.json.
func goldenPlan(t *testing.T, g *goldentest.Golden) *Plan {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(g.Dir(), "pruned.json"))
	if err != nil {
		t.Fatal(err)
	}
	var units map[string][]int
	if err := json.Unmarshal(data, &units); err != nil {
		t.Fatal(err)
	}
	p := &Plan{Before: g.Config, Pruned: Cut{}}
	for _, d := range g.Config.Dims() {
		if u := units[fmt.Sprintf("%d.%s", d.Layer, d.Kind)]; len(u) > 0 {
			p.Pruned[d] = u
		}
	}
	e, err := p.Estimate(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	p.After = e.After
	return p
}

func TestGoldenPrunedLogits(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range goldentest.Families {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			plan := goldenPlan(t, g)
			pruned, err := plan.Run(t.Context(), stage.Model{Config: g.Config, Weights: g.Weights})
			if err != nil {
				t.Fatal(err)
			}
			var logits []float32
			err = transformer.New(be, plan.After).Logits(context.Background(), g.Batch(t), transformer.NewStreamed(be, pruned.Weights), func(rows []float32) error {
				logits = append(logits, rows...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := goldentest.MaxAbs(logits, g.Float32(t, "pruned.logits")); !(d <= 1e-4) {
				t.Errorf("logits of the pruned model differ by %g, want <= 1e-4", d)
			}
		})
	}
}
