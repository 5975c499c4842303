package transformer_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// collect keeps every gradient.
type collect struct {
	be    backend.Backend
	wants func(model.Param) bool
	grads map[string][]float32
}

func (c *collect) Wants(p model.Param) bool { return c.wants == nil || c.wants(p) }

func (c *collect) Grad(p model.Param, g backend.Buffer) error {
	c.grads[p.Name] = goldentest.Host(c.be, g)
	return nil
}

// of is the gradient of a stored tensor: those of its parameters, one below the other.
func (c *collect) of(s model.Stored) (all []float32) {
	for _, p := range s.Params {
		all = append(all, c.grads[p.Name]...)
	}
	return all
}

func newBackend(t testing.TB, threads int) backend.Backend {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	return be
}

func TestGoldenLogits(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			tr := transformer.New(be, g.Config)
			var logits []float32
			err := tr.Logits(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), func(rows []float32) error {
				logits = append(logits, rows...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := goldentest.MaxAbs(logits, g.Float32(t, "logits")); !(d <= 1e-4) {
				t.Errorf("logits differ by %g, want <= 1e-4", d)
			}
		})
	}
}

// A backend may ask for what is uploaded in parts of any size: tables of positions, norms with their offset.
func TestGoldenLogitsInPieces(t *testing.T) {
	be := goldentest.InPieces(newBackend(t, 2))
	for _, family := range []string{"gemma", "phi3_longrope", "gemma3"} {
		g := goldentest.Open(t, family)
		var logits []float32
		err := transformer.New(be, g.Config).Logits(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), func(rows []float32) error {
			logits = append(logits, rows...)
			return nil
		})
		if d := goldentest.MaxAbs(logits, g.Float32(t, "logits")); err != nil || !(d <= 1e-4) {
			t.Errorf("%s: logits differ by %g, want <= 1e-4; %v", family, d, err)
		}
	}
}

func TestGoldenGradients(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			sink := &collect{be: be, grads: map[string][]float32{}}
			loss, err := transformer.New(be, g.Config).LossAndGrad(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), sink)
			if err != nil {
				t.Fatal(err)
			}
			want := goldenLoss(t, g)
			if d := math.Abs(loss-want) / want; !(d <= 1e-6) {
				t.Errorf("loss %.9f, want %.9f: relative error %g > 1e-6", loss, want, d)
			}
			for _, s := range g.Config.Stored() {
				if d := goldentest.RelL2(sink.of(s), g.Float32(t, "grad."+s.Name)); !(d <= 1e-4) {
					t.Errorf("gradient of %s: relative L2 error %g > 1e-4", s.Name, d)
				}
			}
		})
	}
}

// A sink that wants one late parameter must get the same gradient as one that wants all.
func TestUnwantedGradientsAreNotComputed(t *testing.T) {
	be := newBackend(t, 2)
	g := goldentest.Open(t, "llama_gqa_rope3")
	name := "model.layers.2.mlp.up_proj.weight"
	sink := &collect{be: be, grads: map[string][]float32{}, wants: func(p model.Param) bool { return p.Name == name }}
	if _, err := transformer.New(be, g.Config).LossAndGrad(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.grads) != 1 {
		t.Errorf("got %d gradients, asked for 1", len(sink.grads))
	}
	if d := goldentest.RelL2(sink.grads[name], g.Float32(t, "grad."+name)); !(d <= 1e-4) {
		t.Errorf("relative L2 error %g", d)
	}
}

// Kept activations and logits change the work, not the bits.
func TestKeptActivationsGiveTheSameBits(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range []string{"llama_gqa_rope3", "gemma2_softcap"} {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			want := keptGradients(t, be, g, 0)
			for _, keep := range []int64{300 << 10, 1 << 30} { // one layer or two, all
				for name, grad := range keptGradients(t, be, g, keep) {
					if !slices.Equal(grad, want[name]) {
						t.Errorf("keeping %d bytes: the gradient of %s differs", keep, name)
					}
				}
			}
		})
	}
}

// keptGradients are all gradients of a pass that may keep so many bytes.
func keptGradients(t *testing.T, be backend.Backend, g *goldentest.Golden, keep int64) map[string][]float32 {
	t.Helper()
	sink := &collect{be: be, grads: map[string][]float32{}}
	tr := transformer.New(be, g.Config)
	tr.KeepBytes = keep
	if _, err := tr.LossAndGrad(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), sink); err != nil {
		t.Fatal(err)
	}
	return sink.grads
}

func TestCancelStopsAPass(t *testing.T) {
	be := newBackend(t, 1)
	g := goldentest.Open(t, "llama_mha")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := transformer.New(be, g.Config).Loss(ctx, g.Batch(t), transformer.NewStreamed(be, g.Weights)); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func goldenLoss(t *testing.T, g *goldentest.Golden) float64 {
	t.Helper()
	x, err := g.Expect.Read("loss")
	if err != nil {
		t.Fatal(err)
	}
	return math.Float64frombits(uint64(x.Data[0]) | uint64(x.Data[1])<<8 | uint64(x.Data[2])<<16 | uint64(x.Data[3])<<24 |
		uint64(x.Data[4])<<32 | uint64(x.Data[5])<<40 | uint64(x.Data[6])<<48 | uint64(x.Data[7])<<56)
}
