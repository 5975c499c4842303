package transformer_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// What was announced, or not, or more often than asked for, has the stored values.
func TestAheadGivesTheSame(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	s, params := transformer.NewStreamed(be, g.Weights), g.Config.LayerParams(0)
	for range 3 {
		s.Ahead(params)
		s.Ahead(params[:3])
		for _, p := range append(slices.Clone(params), g.Config.LayerParams(1)...) {
			want, err := g.Weights.Read(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			b, err := s.Weight(p)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(goldentest.Host(be, b), want.Float32()) {
				t.Errorf("%s differs", p.Name)
			}
			s.Release(p, b)
		}
	}
}

// An error of reading ahead is that of the parameter it belongs to.
func TestAheadFails(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	params := g.Config.LayerParams(0)
	some := checkpoint.Memory{}
	for _, p := range params[1:] {
		some[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), make([]float32, p.Len()))
	}
	s := transformer.NewStreamed(be, some)
	s.Ahead(params)
	for _, p := range []model.Param{params[1], params[0], params[2]} {
		_, err := s.Weight(p)
		if missing := errors.Is(err, fs.ErrNotExist); missing != (p.Name == params[0].Name) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
