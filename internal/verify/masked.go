package verify

import (
	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// masked gives the dense model's weights with the columns of o_proj and down_proj
// that belong to units which went set to 0: what these units compute has no effect.
type masked struct {
	transformer.WeightSource
	be backend.Backend
	m  *Match
}

// masks says whether a parameter is given otherwise than the source has it.
func masks(p model.Param) bool { return p.Role == model.O || p.Role == model.Down }

// Weight implements transformer.WeightSource; what is masked is a copy.
func (s *masked) Weight(p model.Param) (backend.Buffer, error) {
	w, err := s.WeightSource.Weight(p)
	if err != nil || !masks(p) {
		return w, err
	}
	defer s.WeightSource.Release(p, w)
	axis := p.Axes[1]
	factors := make([]float32, axis.Dim.Units)
	for _, u := range s.m.Kept[axis.Dim] {
		factors[u] = 1
	}
	out := s.be.New(w.Len())
	s.be.Copy(out, w)
	s.be.UnitScale(out, factors, backend.Units{Rows: p.Axes[0].Size(), Cols: axis.Size(), Axis: 1, Width: axis.Width})
	return out, nil
}

// Release implements transformer.WeightSource.
func (s *masked) Release(p model.Param, w backend.Buffer) {
	if masks(p) {
		s.be.Free(w)
		return
	}
	s.WeightSource.Release(p, w)
}
