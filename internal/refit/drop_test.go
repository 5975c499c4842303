package refit

import (
	"context"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// values are all values of sites of a pass, by site and layer, at the tokens that count for a refit.
type values struct {
	r   *Refit
	all map[transformer.Site]map[int][][]float32
}

func (v *values) Sees(int, transformer.Site) transformer.Sight { return transformer.Forward }

func (v *values) See(s transformer.Seen) error {
	if v.all[s.Site] == nil {
		v.all[s.Site] = map[int][][]float32{}
	}
	for b := range s.Lengths {
		x, _, n := s.Sequence(b)
		host := goldentest.Host(v.r.Backend, x)
		for t := 1; t < n; t++ {
			v.all[s.Site][s.Layer] = append(v.all[s.Site][s.Layer], host[t*s.Width:(t+1)*s.Width])
		}
	}
	return nil
}

func (r *Refit) valuesOf(t *testing.T, m stage.Model, parts []transformer.Batch) *values {
	t.Helper()
	v := &values{r, map[transformer.Site]map[int][][]float32{}}
	for _, b := range parts {
		if _, err := transformer.New(r.Backend, m.Config).Pass(context.Background(), b, transformer.NewStreamed(r.Backend, m.Weights), transformer.Watch{Tap: v}); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// dropping is a refit that stands in for layers.
func dropping(t *testing.T, g *goldentest.Golden, dir string, layers ...int) *Refit {
	r := newRefit(t, g, g.Config, 2, dir)
	r.Cut, r.Drop = nil, layers
	return r
}

// down_proj before a run of layers that go is the ridge solution of the stream behind the run from what enters it, by
// the normal equations in float64, as far as the held-out rows have it; nothing else changes.
func TestRefitStandsInForLayers(t *testing.T) {
	for _, family := range []string{"llama_gqa_rope3", "qwen2_bias", "granite"} {
		g := goldentest.Open(t, family)
		for _, layers := range [][]int{{1}, {1, 2}} {
			if layers[len(layers)-1] >= len(g.Config.Layers) {
				continue
			}
			r := dropping(t, g, t.TempDir(), layers...)
			before := stage.Model{Config: g.Config, Weights: g.Weights}
			after := refitted(t, r, before)
			ps := r.Projections(g.Config)
			if len(ps) != 1 || ps[0].Layer != 0 || ps[0].Role != model.Down {
				t.Fatalf("%s: %v change", family, ps)
			}
			old, _ := decoded(before, ps[0].Param)
			got, _ := decoded(after, ps[0].Param)
			v := r.valuesOf(t, before, r.Fitted)
			x, behind, now := v.all[transformer.Channels][0], v.all[transformer.Residual][layers[len(layers)-1]+1], v.all[transformer.Residual][1]
			F, C, n := len(x[0]), len(now[0]), float64(len(x))
			s, cross := mat.NewSymDense(F, nil), mat.NewDense(F, C, nil)
			scale := 1.
			if g.Config.ResidualScale != 0 {
				scale = float64(g.Config.ResidualScale)
			}
			for i := range x {
				for a := range F {
					for b := a; b < F; b++ {
						s.SetSym(a, b, s.At(a, b)+float64(x[i][a])*float64(x[i][b])/n)
					}
					for c := range C {
						cross.Set(a, c, cross.At(a, c)+float64(x[i][a])*(float64(behind[i][c])-float64(now[i][c]))/scale/n)
					}
				}
			}
			lambda := r.Damping * mat.Trace(s) / float64(F)
			for a := range F {
				s.SetSym(a, a, s.At(a, a)+lambda)
			}
			var solution mat.Dense
			if err := solution.Solve(s, cross); err != nil {
				t.Fatal(err)
			}
			step := r.Store.sites[ps[0].Name].Step
			var off, of float64
			for i := range got {
				want := step * solution.At(i%F, i/F)
				off, of = off+math.Pow(float64(got[i]-old[i])-want, 2), of+want*want
			}
			if e := math.Sqrt(off / of); !(e < 1e-3) || !(step > 0.1) {
				t.Errorf("%s without %v: %g off, step %g", family, layers, e, step)
			}
			for _, p := range g.Config.Params() {
				a, _ := decoded(before, p)
				b, _ := decoded(after, p)
				if p.Name != ps[0].Name && !slices.Equal(a, b) {
					t.Errorf("%s: %s changed", family, p.Name)
				}
			}
		}
	}
}

// With what stands in for the layers, the last stream is nearer to the dense model's on other rows, and nearer yet where
// all behind is led back; layers at either end, and several runs, go too.
func TestStreamWithoutLayers(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	before := stage.Model{Config: g.Config, Weights: g.Weights}
	for _, layers := range [][]int{{1}, {0}, {2}, {0, 2}} {
		off := func(dense float64, fitted bool) float64 {
			r := dropping(t, g, t.TempDir(), layers...)
			r.Dense = dense
			m := before
			if fitted {
				m = refitted(t, r, m)
			}
			left, err := prune.Drop(layers).Run(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			others := rows(t, g.Config.VocabSize, 10, 3)
			x := r.valuesOf(t, before, others).all[transformer.Residual][len(g.Config.Layers)]
			y := r.valuesOf(t, left, others).all[transformer.Residual][len(left.Config.Layers)]
			var sum float64
			for i := range x {
				for c := range x[i] {
					sum += math.Pow(float64(x[i][c]-y[i][c]), 2)
				}
			}
			return sum
		}
		plain, bridged, led := off(0, false), off(0, true), off(0.5, true)
		first := layers[0] == 0 // nothing stands before it
		if !(bridged < plain || first && len(layers) == 1 && bridged == plain) || !(led < bridged || layers[0] == 2 && led == bridged) {
			t.Errorf("without %v: %g off plainly, %g with what stands in, %g led back", layers, plain, bridged, led)
		}
	}
}

// Behind down_proj of a Gemma 2 stands a norm: nothing can stand in for layers.
func TestNothingStandsInBehindNorms(t *testing.T) {
	g := goldentest.Open(t, "gemma2_softcap")
	if ps := dropping(t, g, t.TempDir(), 1).Projections(g.Config); len(ps) != 0 {
		t.Errorf("%s stands in", ps[0].Name)
	}
}
