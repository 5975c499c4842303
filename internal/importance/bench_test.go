package importance

import (
	"testing"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/synth"
)

// held gives the same values for every parameter of a size.
type held struct {
	be backend.Backend
	of map[int]backend.Buffer
}

func (h held) Weight(p model.Param) (backend.Buffer, error) {
	n := p.Len()
	if h.of[n] == nil {
		h.of[n] = h.be.New(n)
		h.be.Normal(h.of[n], 1, uint64(n))
	}
	return h.of[n], nil
}

func (held) Release(model.Param, backend.Buffer) {}

// BenchmarkReduce reduces the saliences of one layer of LLaMA-7B to its units.
func BenchmarkReduce(b *testing.B) {
	cfg, _, err := synth.Geometry("llama-7b")
	if err != nil {
		b.Fatal(err)
	}
	cfg = cfg.WithLayers(cfg.Layers[:1])
	be := newBackend(b)
	weights := held{be, map[int]backend.Buffer{}}
	for _, name := range []string{"l1", "element1", "vector"} {
		b.Run(name, func(b *testing.B) {
			s := l1
			if name != "l1" {
				s = saliences[name]
			}
			run := &Run{Backend: be, Config: cfg, Weights: weights, Options: Options{Layers: cfg.AllLayers(), salience: s}}
			for b.Loop() {
				red := newReducer(run)
				for _, p := range run.scored() {
					g, _ := weights.Weight(p)
					if err := red.add(p, g, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
