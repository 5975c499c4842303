package refit

import (
	"context"
	"math"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// What the cut of a projection costs alone is the divergence of a model that is refitted for that cut and no other, on
// the rows held out, from logits of whole passes in float64.
func TestAloneIsARefitOfEach(t *testing.T) {
	for _, name := range []string{"llama_gqa_rope3", "qwen2_bias", "gemma2_softcap"} {
		g := goldentest.Open(t, name)
		m := stage.Model{Config: g.Config, Weights: g.Weights}
		r := newRefit(t, g, g.Config, 2, t.TempDir())
		done := 0
		r.Done = func(Site) { done++ }
		got, err := r.Alone(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		ps := r.Projections(g.Config)
		if len(got) != len(ps) || done != len(ps) {
			t.Fatalf("%s: %d costs of %d projections, %d told", name, len(got), len(ps), done)
		}
		for i, p := range ps {
			one := newRefit(t, g, g.Config, 2, t.TempDir())
			one.Cut = prune.Cut{}
			for d, units := range r.Cut {
				if d.Layer == p.Layer && (d.Kind == model.MLP) == (p.Role == model.Down) {
					one.Cut[d] = units
				}
			}
			after := refitted(t, one, m)
			if want := divergenceOf(t, r.Backend, g.Config, r.HeldOut, m, after); math.Abs(got[i]-want) > 1e-4*want+1e-7 {
				t.Errorf("%s, %s: %g, want %g", name, p.Name, got[i], want)
			}
		}
	}
}

// divergenceOf is KL(a || b) of the predictions for parts, in nats a token.
func divergenceOf(t *testing.T, be backend.Backend, cfg *model.Config, parts []transformer.Batch, a, b stage.Model) (mean float64) {
	t.Helper()
	tokens := 0
	for _, part := range parts {
		x, y := logitsOf(t, be, cfg, part, a), logitsOf(t, be, cfg, part, b)
		V := cfg.VocabSize
		for s, n := range part.Lengths() {
			for row := s * part.T; row < s*part.T+n-1; row++ {
				p, q := softmax(x[row*V:(row+1)*V]), softmax(y[row*V:(row+1)*V])
				for i := range p {
					mean += p[i] * math.Log(p[i]/q[i])
				}
				tokens++
			}
		}
	}
	return mean / float64(tokens)
}

func logitsOf(t *testing.T, be backend.Backend, cfg *model.Config, b transformer.Batch, m stage.Model) (all []float32) {
	t.Helper()
	if err := transformer.New(be, cfg).Logits(context.Background(), b, transformer.NewStreamed(be, m.Weights), func(rows []float32) error {
		all = append(all, rows...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func softmax(x []float32) (p []float64) {
	var sum float64
	for _, v := range x {
		p = append(p, math.Exp(float64(v)))
		sum += p[len(p)-1]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Led back to the dense model's stream, all projections from the first cut on are fitted, and the stream behind the last layer is
// nearer to that of the dense model. Where norms stand between, nothing changes.
func TestRefitFollowsTheDenseStream(t *testing.T) {
	for _, name := range []string{"llama_gqa_rope3", "qwen2_bias", "gemma2_softcap"} {
		g := goldentest.Open(t, name)
		m := stage.Model{Config: g.Config, Weights: g.Weights}
		var off [2]float64
		var bytes [2]string
		for i, dense := range []float64{0, 0.5} {
			r := newRefit(t, g, g.Config, 2, t.TempDir())
			for d := range r.Cut {
				if d.Layer == 0 || d.Layer == 2 {
					delete(r.Cut, d)
				}
			}
			r.Dense = dense
			after := refitted(t, r, m)
			bytes[i] = string(contents(t, r))
			off[i] = streamOff(t, r, g.Config, m, after)
			for _, p := range r.Projections(g.Config) {
				if p.Layer == 0 || dense == 0 && len(p.gone) == 0 {
					t.Errorf("%s: %s is fitted", name, p.Name)
				}
			}
		}
		if name == "gemma2_softcap" {
			if bytes[0] != bytes[1] {
				t.Error("fitted to a stream behind a norm")
			}
		} else if off[1] >= off[0] {
			t.Errorf("%s: the stream is %g off, without being led back %g", name, off[1], off[0])
		}
	}
}

// streamOff is the mean squared difference of what enters the final norm, on the rows fitted.
func streamOff(t *testing.T, r *Refit, cfg *model.Config, a, b stage.Model) (sum float64) {
	t.Helper()
	var of [2][]float32
	for i, m := range []stage.Model{a, b} {
		tap := &lastStream{be: r.Backend, layer: len(cfg.Layers)}
		for _, part := range r.Fitted {
			if _, err := transformer.New(r.Backend, cfg).Pass(context.Background(), part, transformer.NewStreamed(r.Backend, m.Weights), transformer.Watch{Tap: tap}); err != nil {
				t.Fatal(err)
			}
		}
		of[i] = tap.all
	}
	for i, v := range of[0] {
		sum += math.Pow(float64(v-of[1][i]), 2) / float64(len(of[0]))
	}
	return sum
}

// lastStream keeps what enters the final norm, but for the first position of each sequence and padding.
type lastStream struct {
	be    backend.Backend
	layer int
	all   []float32
}

func (s *lastStream) Sees(layer int, at transformer.Site) transformer.Sight {
	if layer == s.layer && at == transformer.Residual {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (s *lastStream) See(seen transformer.Seen) error {
	for b := range seen.Lengths {
		x, _, n := seen.Sequence(b)
		host := make([]float32, x.Len())
		s.be.Download(host, x)
		s.all = append(s.all, host[seen.Width:n*seen.Width]...)
	}
	return nil
}
