package importance

import (
	"context"
	"fmt"
	"math"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

func newBackend(t testing.TB) backend.Backend {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	return be
}

// goldenRun is the run of testdata/golden/README.md, with its noise.
func goldenRun(t testing.TB, be backend.Backend, g *goldentest.Golden, salience string) Run {
	batch := g.Batch(t)
	return Run{
		Backend: be, Config: g.Config, Weights: transformer.NewStreamed(be, g.Weights),
		Batch: func(int) (transformer.Batch, error) { return batch, nil },
		Options: Options{Salience: salience, Layers: g.Config.AllLayers(), Moreau: moreau.Options{
			Steps: 4, Avg: 2, Std: 0.05, LR: 0.05, Rho: 0.5,
			Noise: func(step int, p model.Param, z backend.Buffer) {
				draws := g.Float32(t, fmt.Sprintf("noise.%d.%s", step, p.Name))
				be.Upload(z, func(part []float32, lo int) { copy(part, draws[lo:]) })
			}}},
	}
}

func TestGoldenScores(t *testing.T) {
	be := newBackend(t)
	cases := []struct {
		golden, method, salience string
		eta                      float64
	}{
		{"l1", "l1", "element1", 0},
		{"l2sq", "l2", "element1", 0},
		{"taylor_element1", "taylor", "element1", 0},
		{"taylor_vector", "taylor", "vector", 0},
		{"taylor_element2", "taylor", "element2", 0},
		{"taylor_mix", "taylor", "mix", 0},
		{"moreau", "moreau", "element1", 0},
		{"moreau_gs", "moreau-gs", "element1", 0.003},
		{"moreau_compat", "moreau-compat", "element1", 2e-4},
	}
	for _, family := range goldentest.Families {
		for _, c := range cases {
			t.Run(family+"/"+c.golden, func(t *testing.T) {
				g := goldentest.Open(t, family)
				run := goldenRun(t, be, g, c.salience)
				run.Options.Moreau.Eta = c.eta
				method, err := FindMethod(c.method)
				if err != nil {
					t.Fatal(err)
				}
				scores, err := method.Score(context.Background(), run)
				if err != nil {
					t.Fatal(err)
				}
				compareScores(t, g, "score."+c.golden, scores, 1e-3)
			})
		}
	}
}

// compareScores checks every unit of every dimension that the golden file has.
func compareScores(t *testing.T, g *goldentest.Golden, prefix string, scores Scores, tolerance float64) {
	t.Helper()
	compared := 0
	for d, units := range scores {
		want := g.Float32(t, fmt.Sprintf("%s.%d.%s", prefix, d.Layer, d.Kind))
		for u := range want {
			if diff := math.Abs(units[u] - float64(want[u])); !(diff <= tolerance*float64(want[u])) {
				t.Errorf("%s unit %d: %g, want %g (relative error %g)", d, u, units[u], want[u], diff/float64(want[u]))
			}
			compared++
		}
	}
	if compared == 0 {
		t.Error("nothing compared")
	}
}
