package importance

import (
	"context"
	"math"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// streamOf keeps the residual streams of a pass, by layer.
type streamOf struct {
	run    Run
	values map[int][]float32
}

func (s streamOf) Sees(_ int, at transformer.Site) transformer.Sight {
	if at == transformer.Residual {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (s streamOf) See(seen transformer.Seen) error {
	s.values[seen.Layer] = goldentest.Host(s.run.Backend, seen.X)
	return nil
}

// rowsOf are rows of several lengths, more than go through a layer at once.
func rowsOf(t *testing.T, run *Run) [][]int32 {
	t.Helper()
	var rows [][]int32
	for i := range 2*WalkTokens/50 + 3 {
		row := make([]int32, 20+i%31)
		for j := range row {
			row[j] = int32((i*13 + j*7) % 251)
		}
		rows = append(rows, row)
	}
	b, err := transformer.NewBatch(rows)
	if err != nil || len(b.Parts(WalkTokens)) < 3 {
		t.Fatal(err)
	}
	run.Batch = func(int) (transformer.Batch, error) { return b, nil }
	return rows
}

// Block influence is the cosine of the streams that a pass shows, in float64, over all tokens but first ones and padding.
func TestBlockInfluence(t *testing.T) {
	be := newBackend(t)
	for _, family := range []string{"llama_gqa_rope3", "gemma2"} {
		g := goldentest.Open(t, family)
		run := goldenRun(t, be, g, "element1")
		rowsOf(t, &run)
		b, _ := run.Batch(0)
		seen := streamOf{run, map[int][]float32{}}
		if _, err := transformer.New(be, g.Config).Pass(context.Background(), b, run.Weights, transformer.Watch{Tap: seen}); err != nil {
			t.Fatal(err)
		}
		got := score(t, "block-influence", run)
		if len(got) != len(g.Config.Layers) {
			t.Fatalf("%s: %d layers are scored, of %d", family, len(got), len(g.Config.Layers))
		}
		for l := range g.Config.Layers {
			x, y, C := seen.values[l], seen.values[l+1], g.Config.HiddenSize
			var sum, tokens float64
			for s, n := range b.Lengths() {
				for row := s*b.T + 1; row < s*b.T+n; row++ {
					var xy, xx, yy float64
					for i := row * C; i < (row+1)*C; i++ {
						xy, xx, yy = xy+float64(x[i])*float64(y[i]), xx+float64(x[i])*float64(x[i]), yy+float64(y[i])*float64(y[i])
					}
					sum, tokens = sum+1-xy/math.Sqrt(xx*yy), tokens+1
				}
			}
			if v := got[g.Config.Dim(l, model.Whole)][0]; math.Abs(v-sum/tokens) > 1e-6 || v < 1e-3 {
				t.Errorf("%s, layer %d: %g, want %g", family, l, v, sum/tokens)
			}
		}
	}
}

// The divergence of many rows is the mean of those of each row alone, by the tokens that it predicts; layers that
// are not asked for have no score.
func TestLayerDivergence(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	run := goldenRun(t, be, g, "element1")
	rows := rowsOf(t, &run)
	run.Options.Layers = model.Range{First: 1, Last: 2}
	var loss float64
	run.Progress = func(_, _ int, l float64) { loss = l }
	got := score(t, "divergence", run)
	if len(got) != 2 || !(loss > 0) {
		t.Errorf("%d layers are scored, want two; loss %g", len(got), loss)
	}
	want, predicted := map[model.Dim]float64{}, 0.
	for _, row := range rows {
		one := run
		one.Progress = nil
		one.Batch = func(int) (transformer.Batch, error) { return transformer.NewBatch([][]int32{row}) }
		for d, s := range score(t, "divergence", one) {
			want[d] += s[0] * float64(len(row)-1)
		}
		predicted += float64(len(row) - 1)
	}
	for d, v := range want {
		if v /= predicted; math.Abs(got[d][0]-v) > 1e-6*v || v == 0 {
			t.Errorf("%s: %g, want %g", d, got[d][0], v)
		}
	}
}

// Scores of whole layers come back from their file.
func TestWholeScoresInFiles(t *testing.T) {
	cfg := goldentest.Open(t, "llama_gqa_rope3").Config
	data, err := Encode(cfg, Scores{cfg.Dim(1, model.Whole): {0.25}}, Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := Decode(data, cfg)
	if err != nil || len(s) != 1 || s[cfg.Dim(1, model.Whole)][0] != 0.25 {
		t.Errorf("%v, %v", s, err)
	}
}
