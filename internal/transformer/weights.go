package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

// Stored reads weights from a checkpoint each time they are asked for: memory
// holds no more than what is in use.
type Stored struct {
	be backend.Backend
	ck checkpoint.Checkpoint
}

// NewStored serves the tensors of ck, which has Hugging Face names and layout.
func NewStored(be backend.Backend, ck checkpoint.Checkpoint) *Stored { return &Stored{be, ck} }

// Weight implements WeightSource.
func (s *Stored) Weight(p model.Param) (backend.Buffer, error) {
	t, err := s.ck.Read(p.Name)
	if err != nil {
		return nil, err
	}
	b := s.be.New(p.Len())
	s.be.Upload(b, t.Decode)
	return b, nil
}

// Release implements WeightSource.
func (s *Stored) Release(_ model.Param, b backend.Buffer) { s.be.Free(b) }

// Resident keeps every weight it was ever asked for, as float32: 4 bytes a
// parameter, for generation with models that fit.
type Resident struct {
	from WeightSource
	kept map[string]keptWeight
}

type keptWeight struct {
	param model.Param
	b     backend.Buffer
}

// NewResident keeps what from gives.
func NewResident(from WeightSource) *Resident {
	return &Resident{from: from, kept: map[string]keptWeight{}}
}

// Weight implements WeightSource.
func (r *Resident) Weight(p model.Param) (backend.Buffer, error) {
	if k, ok := r.kept[p.Name]; ok {
		return k.b, nil
	}
	b, err := r.from.Weight(p)
	if err == nil {
		r.kept[p.Name] = keptWeight{p, b}
	}
	return b, err
}

// Release implements WeightSource; the weight stays.
func (r *Resident) Release(model.Param, backend.Buffer) {}

// Free gives every kept weight back to where it came from.
func (r *Resident) Free() {
	for _, k := range r.kept {
		r.from.Release(k.param, k.b)
	}
	r.kept = map[string]keptWeight{}
}
