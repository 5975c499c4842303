package transformer_test

import (
	"slices"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// The rows of a sequence stand where it does in the batch, and are as many as it has tokens.
func TestSequenceOfSeen(t *testing.T) {
	be := newBackend(t, 1)
	const T, width = 3, 2
	x, dx := be.New(3*T*width), be.New(3*T*width)
	be.Upload(x, func(part []float32, lo int) {
		for i := range part {
			part[i] = float32(lo + i)
		}
	})
	be.Axpby(dx, 10, x, 0)
	s := transformer.Seen{Lengths: []int{2, 3, 1}, T: T, Width: width, X: x, DX: dx}
	for b, want := range [][]float32{{0, 1, 2, 3}, {6, 7, 8, 9, 10, 11}, {12, 13}} {
		gotX, gotDX, rows := s.Sequence(b)
		grown := make([]float32, len(want))
		for i, v := range want {
			grown[i] = 10 * v
		}
		if !slices.Equal(goldentest.Host(be, gotX), want) || !slices.Equal(goldentest.Host(be, gotDX), grown) || rows != len(want)/width {
			t.Errorf("sequence %d: %v, %v, %d rows, want %v", b, goldentest.Host(be, gotX), goldentest.Host(be, gotDX), rows, want)
		}
	}
	s.DX = nil
	if _, dx, _ := s.Sequence(1); dx != nil {
		t.Error("a gradient that nobody computed")
	}
}

// only is a tap that sees one site, and counts.
type only struct {
	layer int
	site  transformer.Site
	as    transformer.Sight
	seen  []bool // whether with a gradient
}

func (o *only) Sees(layer int, site transformer.Site) transformer.Sight {
	if layer == o.layer && site == o.site {
		return o.as
	}
	return transformer.Unseen
}

func (o *only) See(s transformer.Seen) error {
	o.seen = append(o.seen, s.DX != nil)
	return nil
}

// Each site of each layer can be seen alone, once, with or without its gradient: what enters
// the head, behind the last layer, as well.
func TestEachSiteAlone(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	L := len(g.Config.Layers)
	for layer := range L + 1 {
		for _, site := range []transformer.Site{transformer.Residual, transformer.AttnIn, transformer.HeadsOut, transformer.MLPIn, transformer.Channels} {
			for _, as := range []transformer.Sight{transformer.Forward, transformer.WithGradient} {
				tap := &only{layer: layer, site: site, as: as}
				if _, err := transformer.New(be, g.Config).Pass(t.Context(), g.Batch(t), transformer.NewStreamed(be, g.Weights), transformer.Watch{Tap: tap}); err != nil {
					t.Fatal(err)
				}
				want := []bool{as == transformer.WithGradient}
				if layer == L && site != transformer.Residual {
					want = nil
				}
				if !slices.Equal(tap.seen, want) {
					t.Errorf("layer %d, site %v as %v: seen %v, want %v", layer, site, as, tap.seen, want)
				}
			}
		}
	}
}
