package importance

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// golden statistics: what testdata/golden/activations.py wrote.
type goldenStatistics struct {
	Rows   [][]int32
	Layers []map[string]struct{ Heads, MLP []float64 } // by method; heads are query heads
}

// Scores of wanda-sp, flap and energy are those of transformers, by KV group and by query head, of
// rows of several lengths: padding never counts.
func TestGoldenStatistics(t *testing.T) {
	be := newBackend(t)
	for _, family := range []string{"llama_mha", "llama_gqa_rope3"} {
		g := goldentest.Open(t, family)
		var golden goldenStatistics
		data, err := os.ReadFile(filepath.Join(g.Dir(), "statistics.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &golden); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"wanda-sp", "flap", "energy"} {
			for _, cfg := range []*model.Config{g.Config, g.Config.ByQueryHead()} {
				run := goldenRun(t, be, g, "element1")
				run.Config = cfg
				run.Batch = func(int) (transformer.Batch, error) { return transformer.NewBatch(golden.Rows) }
				got := score(t, name, run)
				if len(got) != 2*len(cfg.Layers) {
					t.Errorf("%d dimensions scored, want two a layer", len(got))
				}
				for d, units := range got {
					want := golden.Layers[d.Layer][name].MLP
					if d.Kind != model.MLP {
						want = make([]float64, d.Units)
						heads := golden.Layers[d.Layer][name].Heads
						for h, v := range heads {
							want[h*d.Units/len(heads)] += v
						}
					}
					if e := relL2(units, want); !(e <= 1e-5) {
						t.Errorf("%s, %s %s: relative L2 error %g > 1e-5", family, name, d, e)
					}
				}
			}
		}
	}
}

func score(t *testing.T, name string, run Run) Scores {
	t.Helper()
	method, err := FindMethod(name)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := method.Score(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	return scores
}

// More tokens than go through a layer at once give the same scores, and the loss of all.
func TestStatisticsOfManyRows(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	var rows [][]int32
	for i := range 2*WalkTokens/50 + 3 {
		row := make([]int32, 20+i%31)
		for j := range row {
			row[j] = int32((i*13 + j*7) % 251)
		}
		rows = append(rows, row)
	}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	run := goldenRun(t, be, g, "element1")
	run.Batch = func(int) (transformer.Batch, error) { return b, nil }
	if n := len(b.Parts(WalkTokens)); n < 3 {
		t.Fatalf("%d parts, want several", n)
	}
	var loss float64
	run.Progress = func(_, _ int, l float64) { loss = l }
	got := score(t, "flap", run)
	want, err := transformer.New(be, g.Config).Loss(context.Background(), b, run.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(loss-want) > 1e-6*want {
		t.Errorf("loss %g, want %g", loss, want)
	}
	for d, units := range naiveFLAP(t, run, rows) {
		if e := relL2(got[d], units); !(e <= 1e-5) {
			t.Errorf("%s: relative L2 error %g > 1e-5", d, e)
		}
	}
}

// channelsOf keeps the channels' values of a pass.
type channelsOf struct {
	run    Run
	values map[int][]float32
}

func (c channelsOf) Sees(_ int, at transformer.Site) transformer.Sight {
	if at == transformer.Channels {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (c channelsOf) See(s transformer.Seen) error {
	c.values[s.Layer] = append(c.values[s.Layer], goldentest.Host(c.run.Backend, s.X)...)
	return nil
}

// naiveFLAP scores the channels from the values of every row alone, in plain loops.
func naiveFLAP(t *testing.T, run Run, rows [][]int32) Scores {
	t.Helper()
	seen := channelsOf{run, map[int][]float32{}}
	for _, row := range rows {
		b, err := transformer.NewBatch([][]int32{row})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transformer.New(run.Backend, run.Config).Pass(context.Background(), b, run.Weights, transformer.Watch{Tap: seen}); err != nil {
			t.Fatal(err)
		}
	}
	s := Scores{}
	for l, layer := range run.Config.Layers {
		d, F := run.Config.Dim(l, model.MLP), layer.Intermediate
		s[d] = make([]float64, F)
		p, axis := (&run).into(d)
		w := weightOf(t, run, p)
		for j := range F {
			var mean, variance, norm float64
			n := float64(len(seen.values[l]) / F)
			for at := j; at < len(seen.values[l]); at += F {
				mean += float64(seen.values[l][at]) / n
			}
			for at := j; at < len(seen.values[l]); at += F {
				variance += (float64(seen.values[l][at]) - mean) * (float64(seen.values[l][at]) - mean) / n
			}
			for i := range moreau.UnitsOf(p, axis).Rows {
				norm += float64(w[i*F+j]) * float64(w[i*F+j])
			}
			s[d][j] = variance * norm
		}
	}
	return s
}

func weightOf(t *testing.T, run Run, p model.Param) []float32 {
	t.Helper()
	w, err := run.Weights.Weight(p)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Weights.Release(p, w)
	return goldentest.Host(run.Backend, w)
}

// They have no gradients of weights, so no form of w·g.
func TestStatisticsRefuseSalience(t *testing.T) {
	for _, name := range []string{"wanda-sp", "flap", "energy"} {
		method, err := FindMethod(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := method.Check(Options{Salience: "element1"}); err != nil {
			t.Error(err)
		}
		if method.Check(Options{Salience: "vector"}) == nil {
			t.Errorf("%s takes salience vector", name)
		}
	}
}
