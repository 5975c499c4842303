package verify

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// without is the pair with layers dropped from the pruned model.
func (p pair) without(t *testing.T, layers ...int) pair {
	t.Helper()
	m, err := prune.Drop(layers).Run(t.Context(), stage.Model{Config: p.pruned.Config, Weights: p.pruned.Weights})
	if err != nil {
		t.Fatal(err)
	}
	p.pruned = Model{m.Config, m.Weights}
	return p
}

// Of models without some layers it is found which they are, and they pass, whatever was
// cut from those that stay; rounded weights too.
func TestDroppedLayersAreFound(t *testing.T) {
	for name, kept := range cuts {
		for _, dtype := range []tensor.DType{tensor.F32, tensor.BF16} {
			for _, gone := range [][]int{{}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}} {
				p := newPair(t, kept, dtype).without(t, gone...)
				dense, layers, err := SameLayers(t.Context(), p.be, p.dense, p.pruned)
				if err != nil || !slices.Equal(layers, except(3, gone...)) {
					t.Fatalf("%s, %s, without %v: found %v (%v)", name, dtype, gone, layers, err)
				}
				p.dense = dense
				f, err := prove(t, p.be, p)
				if _, bound := Bound(p.pruned.Weights); err != nil || !f.pass(bound) {
					t.Errorf("%s, %s, without %v: %+v (%v)", name, dtype, gone, f.Difference, err)
				}
				if p.be.live != tables {
					t.Errorf("%s, without %v: %d buffers are still there", name, gone, p.be.live)
				}
			}
		}
	}
}

func TestBeforeGaps(t *testing.T) {
	for _, c := range []struct{ kept, want []int }{
		{[]int{0, 1, 2, 3}, nil}, {[]int{0, 3}, []int{0}}, {[]int{1, 2}, []int{1}}, {[]int{0, 2}, []int{0, 1}},
	} {
		if got := BeforeGaps(c.kept, 4); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.kept, got, c.want)
		}
	}
}

// Layers in another order, or of another model, are none of the dense one's.
func TestOtherLayersAreRefused(t *testing.T) {
	for what, spoil := range map[string]func(p pair){
		"another layer": func(p pair) { p.change(2, model.V, slices.Reverse[[]float32]) },
		"layers swapped": func(p pair) {
			m := p.pruned.Weights.(checkpoint.Memory)
			for _, x := range p.pruned.Config.LayerParams(1) {
				other := strings.Replace(x.Name, ".1.", ".2.", 1)
				m[x.Name], m[other] = m[other], m[x.Name]
			}
		},
		"another hidden size": func(p pair) { p.pruned.Config.HiddenSize += 2 },
	} {
		p := newPair(t, nil, tensor.F32)
		spoil(p)
		refused(t, what, p.without(t, 0))
	}
	p := newPair(t, nil, tensor.F32)
	p.dense, p.pruned = p.without(t, 1).pruned, p.dense
	refused(t, "more layers than the dense model", p)
}

func refused(t *testing.T, what string, p pair) {
	t.Helper()
	dense, layers, err := SameLayers(t.Context(), p.be, p.dense, p.pruned)
	if err == nil {
		p.dense = dense
		_, err = FindUnits(p.be, p.dense, p.pruned)
	}
	if !errors.Is(err, ErrDifferent) {
		t.Errorf("%s: layers %v, %v", what, layers, err)
	}
}
