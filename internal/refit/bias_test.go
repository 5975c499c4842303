package refit

import (
	"context"
	"math"
	"math/rand/v2"
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

// withBiases is a golden model with random biases of o and down.
func withBiases(t *testing.T, g *goldentest.Golden, cfg *model.Config) stage.Model {
	t.Helper()
	m, err := prune.Biases(model.RolesOf(model.OBias, model.DownBias)).Run(context.Background(), stage.Model{Config: cfg, Weights: g.Weights})
	if err != nil {
		t.Fatal(err)
	}
	rng, biases := rand.New(rand.NewPCG(3, 1)), checkpoint.Memory{}
	for _, p := range m.Config.Params() {
		if p.Role == model.OBias || p.Role == model.DownBias {
			v := make([]float32, p.Len())
			for i := range v {
				v[i] = float32(rng.NormFloat64()) / 10
			}
			biases[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), v)
		}
	}
	m.Weights, err = checkpoint.Override(m.Weights, biases.Tensors(), biases.Read)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newBias(t *testing.T, m stage.Model, g *goldentest.Golden, threads int) *Refit {
	t.Helper()
	r := newRefit(t, g, m.Config, threads, t.TempDir())
	r.Bias, r.Fitted, r.HeldOut = true, append(r.Fitted, r.HeldOut...), nil
	return r
}

// means are those of what enters p, summed up on the host in a pass over each part, but for first positions.
func means(t *testing.T, r *Refit, m stage.Model, p Projection) []float64 {
	t.Helper()
	at := map[model.Role]transformer.Site{model.O: transformer.HeadsOut, model.Down: transformer.Channels}[p.Role]
	tap := &hostMeans{be: r.Backend.(*cpu.Backend), layer: p.Layer, at: at}
	w := transformer.NewStreamed(r.Backend, m.Weights)
	for _, b := range r.Fitted {
		if _, err := transformer.New(r.Backend, m.Config).Pass(context.Background(), b, w, transformer.Watch{Tap: tap}); err != nil {
			t.Fatal(err)
		}
	}
	for j := range tap.sums {
		tap.sums[j] /= tap.tokens
	}
	return tap.sums
}

type hostMeans struct {
	be     *cpu.Backend
	layer  int
	at     transformer.Site
	tokens float64
	sums   []float64
}

func (s *hostMeans) Sees(layer int, at transformer.Site) transformer.Sight {
	if layer == s.layer && at == s.at {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (s *hostMeans) See(seen transformer.Seen) error {
	if s.sums == nil {
		s.sums = make([]float64, seen.Width)
	}
	for b := range seen.Lengths {
		x, _, n := seen.Sequence(b)
		for i, v := range goldentest.Host(s.be, x)[seen.Width : n*seen.Width] {
			s.sums[i%seen.Width] += float64(v)
		}
		s.tokens += float64(n - 1)
	}
	return nil
}

// Each bias is what it was and what the columns that go gave in the mean, in the model whose projections have zeros in these
// columns and biases already; weights stay. Of KV groups and query heads; any number of threads.
func TestBiases(t *testing.T) {
	for _, unit := range []func(*model.Config) *model.Config{func(c *model.Config) *model.Config { return c }, (*model.Config).ByQueryHead} {
		g := goldentest.Open(t, "llama_gqa_rope3")
		m := withBiases(t, g, unit(g.Config))
		r := newBias(t, m, g, 2)
		after := refitted(t, r, m)
		ps := r.Projections(m.Config)
		if len(ps) < 3 {
			t.Fatalf("%d projections lose columns", len(ps))
		}
		cut := checkpoint.Memory{}
		for _, p := range ps {
			w, err := decoded(after, p.Param)
			if err != nil {
				t.Fatal(err)
			}
			clearColumns(w, p)
			cut[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), w)
		}
		weights, err := checkpoint.Override(after.Weights, cut.Tensors(), cut.Read)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			checkBias(t, r, m, stage.Model{Config: m.Config, Weights: weights}, p)
		}
		other := newBias(t, m, g, 3)
		refitted(t, other, m)
		if string(contents(t, r)) != string(contents(t, other)) {
			t.Error("2 and 3 threads give other bytes")
		}
	}
}

func checkBias(t *testing.T, r *Refit, before, after stage.Model, p Projection) {
	t.Helper()
	var of [3][]float32
	for i, read := range []struct {
		m stage.Model
		p model.Param
	}{{before, p.Param}, {before, p.gives}, {after, p.gives}} {
		var err error
		if of[i], err = decoded(read.m, read.p); err != nil {
			t.Fatal(err)
		}
	}
	w, was, is := of[0], of[1], of[2]
	mean := means(t, r, after, p)
	var off, size float64
	for o := range is {
		want := float64(was[o])
		for _, j := range p.gone {
			want += float64(w[o*len(mean)+j]) * mean[j]
		}
		off, size = off+math.Pow(float64(is[o])-want, 2), size+math.Pow(want-float64(was[o]), 2)
	}
	if d := math.Sqrt(off / size); !(d <= 1e-4) {
		t.Errorf("%s: %g from the means of what goes", p.gives.Name, d)
	}
}

// Where a projection has no bias nothing is given, and nothing but biases is.
func TestBiasesWhereThereAreSome(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	r := newBias(t, stage.Model{Config: g.Config}, g, 1)
	if ps := r.Projections(g.Config); len(ps) != 0 {
		t.Errorf("%d projections of a model without biases", len(ps))
	}
	m := withBiases(t, g, g.Config)
	after, given := refitted(t, r, m), map[string]bool{}
	for _, p := range r.Projections(m.Config) {
		given[p.gives.Name] = true
	}
	for _, p := range m.Config.Params() {
		a, errA := m.Weights.Read(p.Name)
		b, errB := after.Weights.Read(p.Name)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if (string(a.Data) == string(b.Data)) == given[p.Name] {
			t.Errorf("%s: given is %v", p.Name, given[p.Name])
		}
	}
}

// What is said of memory is the backend's own count and a little on the host.
func TestMemoryOfBiases(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	m := withBiases(t, g, g.Config)
	r := newBias(t, m, g, 2)
	e, err := r.Estimate(m.Config)
	if err != nil || e.FLOPs <= 0 {
		t.Fatal(err, e)
	}
	refitted(t, r, m)
	var host int64
	for _, held := range r.memory(m.Config).held {
		host = max(host, held)
	}
	if count := r.Backend.(*cpu.Backend).Peak(); e.Bytes < count*9/10 || e.Bytes > (count+host)*11/10 {
		t.Errorf("%d bytes are said, the backend counts %d, the host has up to %d", e.Bytes, count, host)
	}
}
