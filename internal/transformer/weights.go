package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// Streamed reads weights from a checkpoint each time they are asked for: memory
// holds no more than what is in use and what was announced.
type Streamed struct {
	be     backend.Backend
	ck     checkpoint.Checkpoint
	coming map[string]chan arrival // announced and not yet asked for, by name
	memory tensor.Recycler         // of the layers' stored bytes
}

// arrival is a tensor as stored.
type arrival struct {
	tensor.Tensor
	err error
}

// NewStreamed serves the tensors of ck, which has Hugging Face names and layout.
func NewStreamed(be backend.Backend, ck checkpoint.Checkpoint) *Streamed {
	return &Streamed{be: be, ck: ck, coming: map[string]chan arrival{}}
}

// Ahead implements Foreseeing: it reads while the caller computes. What is never
// asked for stays in memory.
func (s *Streamed) Ahead(params []model.Param) {
	wanted := map[string]chan arrival{}
	var names []string
	for _, p := range params {
		if s.coming[p.Name] == nil {
			s.coming[p.Name] = make(chan arrival, 1)
			wanted[p.Name] = s.coming[p.Name]
			names = append(names, p.Name)
		}
	}
	go func() {
		for _, name := range names {
			t, err := checkpoint.ReadInto(s.ck, name, s.memory.Take)
			wanted[name] <- arrival{t, err}
		}
	}()
}

// Weight implements WeightSource.
func (s *Streamed) Weight(p model.Param) (backend.Buffer, error) {
	if s.coming[p.Name] == nil {
		s.Ahead([]model.Param{p})
	}
	t := <-s.coming[p.Name]
	delete(s.coming, p.Name)
	if t.err != nil {
		return nil, t.err
	}
	b := s.be.New(p.Len())
	s.be.UploadStored(b, t.Tensor)
	if p.Layer >= 0 { // others do not recur soon enough to keep their memory
		s.memory.Put(t.Data)
	}
	return b, nil
}

// Release implements WeightSource.
func (s *Streamed) Release(_ model.Param, b backend.Buffer) { s.be.Free(b) }
