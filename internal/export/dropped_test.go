package export

import (
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// A model without any of its layers comes back from a folder as it is, config.json's lists
// with it, and from a GGUF file unless that is refused: never as another model.
func TestDroppedLayersComeBack(t *testing.T) {
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			for l := range g.Config.Layers {
				m := withoutLayer(t, g, l)
				m.Name = family
				for _, name := range []string{"folder", "model.gguf"} {
					path := filepath.Join(t.TempDir(), name)
					if _, err := NewPlan(m, path, Options{}); err != nil {
						if name == "folder" {
							t.Errorf("without layer %d: %v", l, err)
						}
						continue
					}
					want := m
					if write(t, m, path, Options{}).Window > 0 { // the file has a shorter context instead
						want.Config = withoutWindows(m.Config)
					}
					same(t, open(t, path), want)
				}
			}
		})
	}
}

// withoutLayer is a golden model without one layer.
func withoutLayer(t *testing.T, g *goldentest.Golden, l int) Model {
	t.Helper()
	m, err := prune.Drop{l}.Run(t.Context(), stage.Model{Config: g.Config, Raw: open(t, g.Dir()).Raw, Weights: g.Weights})
	if err != nil {
		t.Fatal(err)
	}
	return Model{Config: m.Config, Weights: m.Weights, Raw: m.Raw, Dir: g.Dir()}
}

func withoutWindows(c *model.Config) *model.Config {
	layers := slices.Clone(c.Layers)
	for i := range layers {
		layers[i].Window = 0
	}
	return c.WithLayers(layers)
}
