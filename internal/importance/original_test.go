package importance

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/prune"
	"moreau/internal/transformer"
)

// originalNoise is the noise that the published program was run with: one
// counter over the elements of all parameters, in the order of its model class,
// and over the iterations (README.md of golden/original_mha).
type originalNoise struct {
	start map[string]uint64
	total uint64
}

func newOriginalNoise(t *testing.T, g *goldentest.Golden) originalNoise {
	t.Helper()
	var order [][2]json.RawMessage
	if err := json.Unmarshal([]byte(g.Expect.(*checkpoint.Safetensors).Metadata()["noise_order"]), &order); err != nil {
		t.Fatal(err)
	}
	n := originalNoise{start: map[string]uint64{}}
	for _, entry := range order {
		var name string
		var shape []int
		if json.Unmarshal(entry[0], &name) != nil || json.Unmarshal(entry[1], &shape) != nil {
			t.Fatalf("noise_order: %s", entry)
		}
		n.start[name] = n.total
		size := uint64(1)
		for _, s := range shape {
			size *= uint64(s)
		}
		n.total += size
	}
	return n
}

func (n originalNoise) draw(i uint64) float32 {
	x := 20240 + (i+1)*0x9E3779B97F4A7C15
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
	x = (x ^ (x >> 27)) * 0x94D049BB133111EB
	x ^= x >> 31
	s := int64(x&0xffff + x>>16&0xffff + x>>32&0xffff + x>>48)
	return float32(float64(s-131070) * (math.Sqrt(3) / 65536))
}

func (n originalNoise) noise(be backend.Backend) moreau.Noise {
	return func(step int, p model.Param, z backend.Buffer) {
		first := uint64(step)*n.total + n.start[p.Name]
		be.Upload(z, func(part []float32, lo int) {
			for i := range part {
				part[i] = n.draw(first + uint64(lo+i))
			}
		})
	}
}

// TestOriginalProgram checks moreau-compat against what the published
// MoreauPruner program itself computed: 4 iterations, ratio 0.25, layers 1..3.
func TestOriginalProgram(t *testing.T) {
	g := goldentest.OpenDir(t, goldentest.Shared(t, "golden", "original_mha"))
	be := newBackend(t)
	noise := newOriginalNoise(t, g)
	first := g.Float32(t, "noise.first16")
	for i, want := range first {
		if noise.draw(uint64(i)) != want {
			t.Fatalf("draw %d is %g, the original had %g", i, noise.draw(uint64(i)), want)
		}
	}
	batch := g.Batch(t)
	opts := moreau.Options{Steps: 4, Avg: 5, Std: 0.05, LR: 2e-4, Rho: 0.2, Eta: 5e-6, Noise: noise.noise(be)}
	run := Run{Backend: be, Config: g.Config, Weights: transformer.NewStreamed(be, g.Weights),
		Batch:   func(int) (transformer.Batch, error) { return batch, nil },
		Options: Options{Salience: "element1", Layers: model.Range{First: 1, Last: 3}, Moreau: opts}}

	t.Run("iterates", func(t *testing.T) { originalIterates(t, g, run) })
	t.Run("scores", func(t *testing.T) { originalScores(t, g, run) })
}

func originalIterates(t *testing.T, g *goldentest.Golden, run Run) {
	tr := transformer.New(run.Backend, g.Config)
	batch := g.Batch(t)
	objective := func(ctx context.Context, _ int, w transformer.WeightSource, sink transformer.GradSink) (float64, error) {
		return tr.LossAndGrad(ctx, batch, w, sink)
	}
	opts := run.Options.Moreau
	opts.Rho, opts.Threshold = 0, moreau.Rows
	opts.Store = moreau.NewMemory(run.Backend)
	trace, err := moreau.Run(context.Background(), run.Backend, g.Config, run.Weights, g.Config.Params(), objective, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range g.Float32(t, "trace.loss") {
		if e := math.Abs(trace[i].Loss-float64(want)) / float64(want); !(e <= 1e-5) {
			t.Errorf("loss of iteration %d: %g, the original had %g", i, trace[i].Loss, want)
		}
	}
	for _, p := range run.scored() {
		mean, err := opts.Store.Open(moreau.Mean, p)
		if err != nil {
			t.Fatal(err)
		}
		if e := goldentest.RelL2(goldentest.Host(run.Backend, mean), g.Float32(t, "delta."+p.Name)); !(e <= 1e-4) {
			t.Errorf("averaged delta of %s: relative L2 error %g > 1e-4", p.Name, e)
		}
	}
}

func originalScores(t *testing.T, g *goldentest.Golden, run Run) {
	method, err := FindMethod("moreau-compat")
	if err != nil {
		t.Fatal(err)
	}
	scores, err := method.Score(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	compareScores(t, g, "score", scores, 1e-4)
	plan, err := prune.NewPlan(g.Config, scores, prune.Budget{LayerRatio: 0.25, Layers: run.Options.Layers, Kinds: model.Kinds, Selection: prune.Local})
	if err != nil {
		t.Fatal(err)
	}
	for d := range scores {
		x, err := g.Expect.Read(fmt.Sprintf("pruned.%d.%s", d.Layer, d.Kind))
		if err != nil {
			t.Fatal(err)
		}
		ints, err := x.Ints()
		if err != nil {
			t.Fatal(err)
		}
		want := make([]int, len(ints))
		for i, v := range ints {
			want[i] = int(v)
		}
		if !slices.Equal(plan.Pruned[d], want) {
			t.Errorf("%s: pruned %v, the original pruned %v", d, plan.Pruned[d], want)
		}
	}
}
