package transformer_test

import (
	"context"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// within checks an estimate against the peak of the backend's allocator. Kernel sets whose
// panels are narrower than the widest recycle other sizes, so that one may keep 1 % more.
func within(t *testing.T, what string, estimate, peak int64) {
	t.Helper()
	if float64(estimate) < 0.99*float64(peak) || float64(estimate) > 1.15*float64(peak) {
		t.Errorf("%s: %d bytes said, %d used: ratio %.3f", what, estimate, peak, float64(estimate)/float64(peak))
	}
}

// What a pass takes on a backend that counts is what it takes: forward, with gradients of
// units, with those of weights, with activations kept, in blocks, of every family.
func TestDryPassesTakeWhatPassesTake(t *testing.T) {
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		for what, of := range map[string]func(be backend.Backend, tr *transformer.Transformer) transformer.Watch{
			"forward": func(backend.Backend, *transformer.Transformer) transformer.Watch { return transformer.Watch{} },
			"units": func(be backend.Backend, _ *transformer.Transformer) transformer.Watch {
				return transformer.Watch{Tap: &masks{be: be, cfg: g.Config, grads: map[model.Dim][][]float64{}}}
			},
			"weights": func(backend.Backend, *transformer.Transformer) transformer.Watch {
				return transformer.Watch{Sink: discard{}}
			},
			"kept": func(_ backend.Backend, tr *transformer.Transformer) transformer.Watch {
				tr.KeepBytes = 400 << 10
				return transformer.Watch{Sink: discard{}}
			},
			"blocks": func(_ backend.Backend, tr *transformer.Transformer) transformer.Watch {
				tr.Blocks = 4
				return transformer.Watch{Sink: discard{}}
			},
		} {
			pass := func(be backend.Backend, w transformer.WeightSource) {
				tr := transformer.New(be, g.Config)
				if _, err := tr.Pass(context.Background(), transformer.SomeTokens(5, 19), w, of(be, tr)); err != nil {
					t.Fatal(err)
				}
			}
			counts, used := dry.New(), newBackend(t, 2).(*cpu.Backend)
			pass(counts, transformer.NewDry(counts, checkpoint.Memory{}))
			pass(used, transformer.NewStored(used, g.Weights))
			within(t, family+" "+what, counts.Peak(), used.Peak())
			if what != "kept" && what != "blocks" && counts.Live() > 4*64*1024 {
				t.Errorf("%s %s: %d bytes are not given back", family, what, counts.Live())
			}
		}
	}
}

// Keeping activations takes no more than it is allowed.
func TestKeptBytesAreBounded(t *testing.T) {
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		peak := func(keep int64) int64 {
			be := dry.New()
			tr := transformer.New(be, g.Config)
			tr.KeepBytes = keep
			if _, err := tr.LossAndGrad(context.Background(), transformer.SomeTokens(5, 19), transformer.NewDry(be, checkpoint.Memory{}), discard{}); err != nil {
				t.Fatal(err)
			}
			return be.Peak()
		}
		flat := peak(0)
		for _, keep := range []int64{50 << 10, 100 << 10, 200 << 10, 400 << 10, 1 << 30} {
			if p := peak(keep); p < flat || p > flat+keep {
				t.Errorf("%s: keeping %d bytes takes %d, without them %d", family, keep, p, flat)
			}
		}
		if peak(1<<30) == flat {
			t.Errorf("%s: nothing is kept", family)
		}
	}
}

// Weights as they are stored are held for a layer that is read ahead, and for others while
// they are decoded.
func TestStoredBytesCount(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	none, all := transformer.PassBytes(g.Config, checkpoint.Memory{}, 2, 8), transformer.PassBytes(g.Config, g.Weights, 2, 8)
	var layer int64
	for _, p := range g.Config.LayerParams(0) {
		layer += 4 * int64(p.Len())
	}
	if all < none+layer || all > none+layer+4*int64(g.Config.HeadParam().Len()) {
		t.Errorf("%d bytes with stored weights of %d a layer, %d without", all, layer, none)
	}
}
