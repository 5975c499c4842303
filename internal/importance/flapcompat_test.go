package importance

import (
	"context"
	"math"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// valuesOf keeps what o and down multiply, a layer and site each.
type valuesOf struct {
	run    Run
	values map[site][]float32
}

func (v valuesOf) Sees(_ int, at transformer.Site) transformer.Sight {
	if at == transformer.Channels || at == transformer.HeadsOut {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (v valuesOf) See(s transformer.Seen) error {
	v.values[site{s.Layer, s.Site}] = goldentest.Host(v.run.Backend, s.X)
	return nil
}

// naiveFluctuation follows the published program: rows one by one, the mean updated in place before it is used twice.
func naiveFluctuation(rows [][]float32, F int) []float64 {
	mean, fluctuation := make([]float64, F), make([]float64, F)
	for n, x := range rows {
		tokens := len(x) / F
		for j := range F {
			var sum, distances float64
			for t := range tokens {
				sum += float64(x[t*F+j])
			}
			mean[j] = mean[j]*float64(n)/float64(n+1) + sum/float64(tokens)/float64(n+1)
			for t := range tokens {
				distances += math.Pow(float64(x[t*F+j])-mean[j], 2)
			}
			if n > 0 {
				fluctuation[j] = fluctuation[j]*float64(n-1)/float64(n) + distances/float64(n+1)
			}
		}
	}
	return fluctuation
}

// naiveStandardised gives the mean over a unit's columns of their z-scores.
func naiveStandardised(metric []float64, units int) []float64 {
	n := float64(len(metric))
	var mean, variance float64
	for _, v := range metric {
		mean += v / n
	}
	for _, v := range metric {
		variance += math.Pow(v-mean, 2) / (n - 1)
	}
	width, scores := len(metric)/units, make([]float64, units)
	for j, v := range metric {
		scores[j/width] += (v - mean) / math.Sqrt(variance) / float64(width)
	}
	return scores
}

// Scores of flap-compat are those of the published formulas, on rows of several lengths, more than go through a layer at
// once; of KV groups and query heads.
func TestFLAPCompat(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	var rows [][]int32
	for i := range 2*WalkTokens/50 + 3 {
		row := make([]int32, 20+i%31)
		for j := range row {
			row[j] = int32((i*13 + j*7) % 251)
		}
		rows = append(rows, row)
	}
	for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
		run := goldenRun(t, be, g, "element1")
		run.Config = cfg
		run.Batch = func(int) (transformer.Batch, error) { return transformer.NewBatch(rows) }
		got, seen := score(t, "flap-compat", run), map[site][][]float32{}
		for _, row := range rows {
			b, err := transformer.NewBatch([][]int32{row})
			if err != nil {
				t.Fatal(err)
			}
			one := valuesOf{run, map[site][]float32{}}
			if _, err := transformer.New(be, cfg).Pass(context.Background(), b, run.Weights, transformer.Watch{Tap: one}); err != nil {
				t.Fatal(err)
			}
			for at, x := range one.values {
				seen[at] = append(seen[at], x)
			}
		}
		run.Options.Layers = cfg.AllLayers()
		for at, d := range (&run).sites() {
			p, _ := (&run).into(d)
			w, F := weightOf(t, run, p), p.Axes[1].Size()
			metric := naiveFluctuation(seen[at], F)
			for j := range metric {
				var squares float64
				for lo := 0; lo < len(w); lo += F {
					squares += float64(w[lo+j]) * float64(w[lo+j])
				}
				metric[j] *= squares
				if d.Kind != model.MLP {
					metric[j] *= metric[j]
				}
			}
			if e := relL2(got[d], naiveStandardised(metric, d.Units)); !(e <= 1e-4) {
				t.Errorf("%s: relative L2 error %g > 1e-4", d, e)
			}
		}
	}
}
