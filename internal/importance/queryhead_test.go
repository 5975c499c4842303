package importance

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
)

// attentionSums are sums of |w·g| (signed: of |sum of w·g| over each row of q, k and v
// and each column of o) of one layer by head, in plain loops over the tensors: heads are
// the query heads' (q and o), kv the KV heads' (k and v).
func attentionSums(t *testing.T, g *goldentest.Golden, gradient string, layer int, signed bool) (heads, kv []float64) {
	t.Helper()
	l, D := g.Config.Layers[layer], g.Config.HeadDim
	heads, kv = make([]float64, l.Heads), make([]float64, l.KVHeads)
	for name, sums := range map[string][]float64{"q": heads, "k": kv, "v": kv, "o": heads} {
		name = fmt.Sprintf("model.layers.%d.self_attn.%s_proj.weight", layer, name)
		stored, err := g.Weights.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		w, grad, cols := stored.Float32(), g.Float32(t, gradient+"."+name), stored.Shape[1]
		lines := make([]float64, len(sums)*D)
		for i := range w {
			line := i / cols
			if strings.Contains(name, "o_proj") {
				line = i % cols
			}
			v := float64(w[i]) * float64(grad[i])
			if !signed {
				v = math.Abs(v)
			}
			lines[line] += v
		}
		for i, v := range lines {
			sums[i/D] += math.Abs(v)
		}
	}
	return heads, kv
}

// Scores of query heads, from PyTorch's gradients and envelope iterates; a KV group's
// golden score is that of its query heads and of its k and v, and channels score as by
// KV groups: what moves does not depend on the units.
func TestQueryHeadScores(t *testing.T) {
	be := newBackend(t)
	for _, c := range []struct{ golden, gradient, method, salience string }{
		{"taylor_element1", "grad", "taylor", "element1"},
		{"taylor_vector", "grad", "taylor", "vector"},
		{"moreau", "delta.moreau", "moreau", "element1"},
	} {
		for _, family := range goldentest.Families {
			t.Run(family+"/"+c.golden, func(t *testing.T) {
				g := goldentest.Open(t, family)
				run := goldenRun(t, be, g, c.salience)
				run.Config = g.Config.ByQueryHead()
				method, err := FindMethod(c.method)
				if err != nil {
					t.Fatal(err)
				}
				scores, err := method.Score(context.Background(), run)
				if err != nil {
					t.Fatal(err)
				}
				for l, layer := range run.Config.Layers {
					got := scores[run.Config.Dim(l, model.QueryHeads)]
					heads, groups := attentionSums(t, g, c.gradient, l, c.salience == "vector")
					if e := relL2(got, heads); !(e <= 1e-3) {
						t.Errorf("layer %d: query heads %v, want %v", l, got, heads)
					}
					for h, v := range got {
						groups[h/layer.Group()] += v
					}
					golden := Scores{g.Config.Dim(l, model.Heads): groups, g.Config.Dim(l, model.MLP): scores[run.Config.Dim(l, model.MLP)]}
					compareScores(t, g, "score."+c.golden, golden, 1e-3)
				}
			})
		}
	}
}

const (
	ofGroups     = `{"format": "moreau-scores", "version": 1, "layers": [{"heads": [1, 2], "mlp": [1, 2, 3]}]}`
	ofQueryHeads = `{"format": "moreau-scores", "version": 1, "layers": [{"heads": null, "query_heads": [1, 2, 3, 4], "mlp": [1, 2, 3]}]}`
)

// A file of KV groups' scores reads as ever; one of other units is refused by name.
func TestScoresOfUnits(t *testing.T) {
	groups := &model.Config{Family: model.Families[0], HeadDim: 2, Layers: []model.Layer{{Heads: 4, KVHeads: 2, Intermediate: 3}}}
	for _, c := range []struct {
		text string
		cfg  *model.Config
		want string // of the error
	}{
		{ofGroups, groups, ""},
		{ofQueryHeads, groups.ByQueryHead(), ""},
		{ofGroups, groups.ByQueryHead(), "scores of KV groups; score with --attention-unit query-head"},
		{ofQueryHeads, groups, "scores of query heads; prune with --units query-heads"},
		{strings.Replace(ofQueryHeads, "4]", "4, 5]", 1), groups.ByQueryHead(), "5 scores for layers.0.query_heads, the model has 4"},
	} {
		s, m, err := Decode([]byte(c.text), c.cfg)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			continue
		}
		if d := c.cfg.Dim(0, c.cfg.AttentionKind()); err != nil || len(s) != 2 || len(s[d]) != d.Units {
			t.Errorf("%v (%v), want scores of %s", s, err, d)
		}
		again, err := Encode(c.cfg, s, m)
		if err != nil || strings.Contains(string(again), "query_heads") != c.cfg.QueryHeads {
			t.Errorf("written again: %s, %v", again, err)
		}
	}
}
