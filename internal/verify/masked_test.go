package verify

import (
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// lent is a weight source that keeps what it gives, as it may.
type lent struct {
	from  transformer.WeightSource
	be    backend.Backend
	out   map[string]backend.Buffer
	given map[string][]float32
}

func (l *lent) Weight(p model.Param) (w backend.Buffer, err error) {
	if w = l.out[p.Name]; w == nil {
		w, err = l.from.Weight(p)
		l.out[p.Name], l.given[p.Name] = w, goldentest.Host(l.be, w)
	}
	return w, err
}

func (l *lent) Release(p model.Param, b backend.Buffer) {
	if l.out[p.Name] != b {
		panic("another's buffer is released")
	}
}

// Masks are made on copies: a source may give the same buffer again, and others read it.
func TestMaskedChangesNothing(t *testing.T) {
	p := newPair(t, cuts["groups"], tensor.F32)
	m, err := FindUnits(p.be, p.dense, p.pruned)
	if err != nil {
		t.Fatal(err)
	}
	source := &lent{transformer.NewStreamed(p.be, p.dense.Weights), p.be, map[string]backend.Buffer{}, map[string][]float32{}}
	s := &masked{source, p.be, m}
	for _, param := range p.dense.Config.ByQueryHead().Params() {
		w, err := s.Weight(param)
		if err != nil {
			t.Fatal(err)
		}
		differs := !slices.Equal(goldentest.Host(p.be, w), source.given[param.Name])
		cut := param.Role == model.O && param.Layer != 1 || param.Role == model.Down && param.Layer == 1
		if differs != cut {
			t.Errorf("%s: masked %v, want %v", param.Name, differs, cut)
		}
		s.Release(param, w)
		if !slices.Equal(goldentest.Host(p.be, source.out[param.Name]), source.given[param.Name]) {
			t.Errorf("%s: the source's own buffer was changed", param.Name)
		}
	}
	if p.be.live != len(source.out) {
		t.Errorf("%d buffers are there, %d are the source's", p.be.live, len(source.out))
	}
}
