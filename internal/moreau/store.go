package moreau

import (
	"moreau/internal/backend"
	"moreau/internal/model"
)

// Array names one of the two arrays that the iteration keeps of each moving parameter.
type Array int

const (
	Delta Array = iota // the iterate
	Mean               // of the last Avg iterates
)

// Store keeps the arrays of the moving parameters between uses; all are zero
// at first. Calls are made from one goroutine.
type Store interface {
	// Open gives the values of an array.
	Open(a Array, p model.Param) (backend.Buffer, error)
	// Close ends the use of b, which Open gave; changed says that its values count.
	Close(a Array, p model.Param, b backend.Buffer, changed bool) error
	// Ahead announces that an array will be opened.
	Ahead(a Array, p model.Param)
	// Free gives up everything.
	Free()
}

// memory is a Store in backend memory: 8 bytes a moving scalar.
type memory struct {
	be     backend.Backend
	arrays map[arrayOf]backend.Buffer
}

type arrayOf struct {
	array Array
	param string
}

// NewMemory keeps the arrays in the backend's memory.
func NewMemory(be backend.Backend) Store {
	return &memory{be: be, arrays: map[arrayOf]backend.Buffer{}}
}

func (m *memory) Open(a Array, p model.Param) (backend.Buffer, error) {
	key := arrayOf{a, p.Name}
	if m.arrays[key] == nil {
		m.arrays[key] = m.be.New(p.Len())
	}
	return m.arrays[key], nil
}

func (m *memory) Ahead(Array, model.Param) {}

func (m *memory) Close(Array, model.Param, backend.Buffer, bool) error { return nil }

func (m *memory) Free() {
	for _, b := range m.arrays {
		m.be.Free(b)
	}
	m.arrays = nil
}
