package importance

import (
	"context"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// A channel of zeros, which nothing moves, scores 0 under every threshold, none included.
func TestDeadChannel(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	dim, weights := g.Config.Dim(1, model.MLP), checkpoint.Memory{}
	for _, p := range g.Config.Params() {
		stored, err := g.Weights.Read(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		w := stored.Float32()
		for i, axis := 0, p.Axis(dim); axis >= 0 && i < len(w); i++ {
			if cols := p.Shape()[1]; []int{i / cols, i % cols}[axis] == 3 {
				w[i] = 0
			}
		}
		weights[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), w)
	}
	method, err := FindMethod("moreau-gs")
	if err != nil {
		t.Fatal(err)
	}
	for _, eta := range []float64{0, 0.003} {
		run := goldenRun(t, be, g, "element1")
		run.Weights, run.Options.Moreau.Eta = transformer.NewStreamed(be, weights), eta
		scores, err := method.Score(context.Background(), run)
		if err != nil {
			t.Fatal(err)
		}
		if scores[dim][3] != 0 || !(scores[dim][4] > 0) {
			t.Errorf("eta %g: the dead channel scores %g, its neighbour %g", eta, scores[dim][3], scores[dim][4])
		}
	}
}
