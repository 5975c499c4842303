package verify

import (
	"context"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// What is left of a layer under a norm over all heads is the dense model without the heads that
// went, of whole KV groups, of every group or both; and a weight that is off is seen.
func TestHeadsUnderAWideNorm(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	groups := func(c *model.Config) prune.Cut {
		return prune.Cut{c.Dim(1, model.Heads): {1}, c.Dim(2, model.Heads): {0}}
	}
	heads := func(c *model.Config) prune.Cut {
		d := c.Dim(1, model.QueryHeads)
		cut := prune.Cut{}
		for u := 0; u < d.Units; u += 2 {
			cut[d] = append(cut[d], u+u/2%2) // the first of one group, the second of the other
		}
		return cut
	}
	channels := func(c *model.Config) prune.Cut { return prune.Cut{c.Dim(1, model.MLP): {0, 7}} }
	for name, c := range map[string]struct {
		stages   []func(*model.Config) prune.Cut
		headsCut bool
	}{
		"groups": {[]func(*model.Config) prune.Cut{groups}, true}, "heads": {[]func(*model.Config) prune.Cut{heads}, true},
		"both": {[]func(*model.Config) prune.Cut{groups, heads, channels}, true}, "channels": {[]func(*model.Config) prune.Cut{channels}, false},
	} {
		for _, family := range []string{"olmo2", "olmo3"} {
			g := goldentest.Open(t, family)
			s := stage.Model{Config: g.Config, Weights: g.Weights}
			for _, cut := range c.stages {
				if s, err = cut(s.Config).Run(context.Background(), s); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			pruned := checkpoint.Memory{}
			for _, p := range s.Config.Params() {
				if pruned[p.Name], err = s.Weights.Read(p.Name); err != nil {
					t.Fatal(err)
				}
			}
			f := wideDifference(t, be, Model{g.Config, g.Weights}, Model{s.Config, pruned}, g.Batch(t), c.headsCut)
			if !(f.Relative() <= 1e-6) {
				t.Errorf("%s of %s: logits differ by %g", name, family, f.Relative())
			}
			norm := pruned["model.layers.1.self_attn.q_norm.weight"]
			values := slices.Clone(norm.Float32())
			values[3] += 1
			pruned["model.layers.1.self_attn.q_norm.weight"] = tensor.FromFloat32(tensor.F32, norm.Shape, values)
			f = wideDifference(t, be, Model{g.Config, g.Weights}, Model{s.Config, pruned}, g.Batch(t), c.headsCut)
			if !(f.Relative() > 1e-4) {
				t.Errorf("%s of %s: a norm's weight is off and logits differ by %g", name, family, f.Relative())
			}
		}
	}
}

func wideDifference(t *testing.T, be *cpu.Backend, dense, pruned Model, b transformer.Batch, headsCut bool) Difference {
	t.Helper()
	m, err := FindUnits(be, dense, pruned)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.HeadsAreCut(dense.Config); got != headsCut {
		t.Errorf("heads are cut: %t, want %t", got, headsCut)
	}
	d, err := Compare(context.Background(), be, dense, pruned, m, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
