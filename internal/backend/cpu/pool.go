package cpu

import "moreau/internal/backend"

// pool is the backend's memory.
type pool struct{ *backend.Pool[[]float32] }

func newPool() pool { return pool{backend.NewPool(aligned)} }

// take gives n values and says whether they are those of a former use, not zeros.
func (p pool) take(n int) (data []float32, used bool) {
	data, used = p.Take(n)
	return data[:n], used
}

func (p pool) put(data []float32) { p.Put(data, cap(data)) }
