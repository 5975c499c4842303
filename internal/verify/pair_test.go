package verify

import (
	"maps"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// cuts are which units stay, by layer and kind: of llama_gqa_rope3 with two KV groups of
// three query heads and 80 channels a layer. What is not named stays whole.
var cuts = map[string][]left{
	"nothing":  nil,
	"channels": {{0, model.MLP, except(80, 0, 7, 8, 79)}, {1, model.MLP, except(80, 5)}, {2, model.MLP, []int{20, 50}}},
	"groups":   {{0, model.Heads, []int{0}}, {2, model.Heads, []int{1}}, {1, model.MLP, except(80, 79)}},
	"heads":    {{0, model.QueryHeads, []int{0, 2, 3, 4}}, {1, model.QueryHeads, []int{1, 5}}},
}

type left struct {
	layer int
	kind  model.Kind
	units []int
}

func except(n int, gone ...int) (kept []int) {
	for u := range n {
		if !slices.Contains(gone, u) {
			kept = append(kept, u)
		}
	}
	return kept
}

// pair is a dense model and a pruned one, the latter a copy that may be spoilt.
type pair struct {
	be            *guard
	dense, pruned Model
	kept          map[model.Dim][]int
	batch         transformer.Batch
}

func newPair(t *testing.T, lefts []left, dtype tensor.DType) pair {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_gqa_rope3")
	p := pair{be: &guard{Backend: be}, dense: Model{g.Config, memory(t, g)}, kept: map[model.Dim][]int{}}
	cfg, counts := g.Config, map[model.Dim]int{}
	for _, l := range lefts {
		if l.kind == model.QueryHeads {
			cfg = g.Config.ByQueryHead()
		}
		d := cfg.Dim(l.layer, l.kind)
		p.kept[d], counts[d] = l.units, len(l.units)
	}
	cut := cfg.Cut(counts)
	cut.QueryHeads = false
	p.pruned = Model{cut, selected(t, cfg, p.dense.Weights.(checkpoint.Memory), p.kept, dtype)}
	if p.batch, err = transformer.NewBatch([][]int32{{1, 17, 99, 4, 200, 31, 8, 8}, {5, 6, 7}}); err != nil {
		t.Fatal(err)
	}
	return p
}

func memory(t *testing.T, g *goldentest.Golden) checkpoint.Memory {
	t.Helper()
	m := checkpoint.Memory{}
	for _, i := range g.Weights.Tensors() {
		x, err := g.Weights.Read(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		m[i.Name] = x
	}
	return m
}

// selected is what stays of the dense weights.
func selected(t *testing.T, cfg *model.Config, dense checkpoint.Memory, kept map[model.Dim][]int, dtype tensor.DType) checkpoint.Memory {
	t.Helper()
	m := checkpoint.Memory{}
	for _, p := range cfg.Params() {
		x := dense[p.Name]
		for axis, a := range p.Axes {
			if units, ok := kept[a.Dim]; ok {
				var err error
				if x, err = x.Select(axis, units, a.Width); err != nil {
					t.Fatal(err)
				}
			}
		}
		m[p.Name] = tensor.FromFloat32(dtype, x.Shape, x.Float32())
	}
	return m
}

func clone(m checkpoint.Memory) checkpoint.Memory { return maps.Clone(m) }

// sameUnits compares what was found with what stayed.
func (p pair) sameUnits(t *testing.T, name string, m *Match) {
	t.Helper()
	cfg := p.dense.Config
	for l, layer := range cfg.Layers {
		want := map[model.Kind][]int{model.QueryHeads: except(layer.Heads), model.MLP: except(layer.Intermediate)}
		for d, units := range p.kept {
			switch {
			case d.Layer != l:
			case d.Kind == model.Heads:
				want[model.QueryHeads] = nil
				for _, u := range units {
					want[model.QueryHeads] = append(want[model.QueryHeads], 3*u, 3*u+1, 3*u+2)
				}
			default:
				want[d.Kind] = units
			}
		}
		for kind, units := range want {
			if got := m.Kept[cfg.ByQueryHead().Dim(l, kind)]; !slices.Equal(got, units) {
				t.Errorf("%s: layer %d keeps %v of %v, want %v", name, l, got, kind, units)
			}
		}
	}
}

// guard counts the buffers that are not given back yet.
type guard struct {
	backend.Backend
	live int
}

func (g *guard) New(n int) backend.Buffer {
	g.live++
	return g.Backend.New(n)
}

func (g *guard) Free(b backend.Buffer) {
	g.live--
	g.Backend.Free(b)
}
