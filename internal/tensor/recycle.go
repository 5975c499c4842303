package tensor

import "sync"

// Recycler keeps memory of tensors that are read one after the other: sizes recur,
// and first use of fresh memory is slow. It holds no more than what was taken and
// not yet given back at once. The zero value is ready; it is safe for concurrent use.
type Recycler struct {
	mu    sync.Mutex
	sizes map[int]*recycled // by length
}

type recycled struct {
	free [][]byte
	out  int // taken and not given back
}

// size is called with the lock held.
func (r *Recycler) size(n int) *recycled {
	if r.sizes == nil {
		r.sizes = map[int]*recycled{}
	}
	if r.sizes[n] == nil {
		r.sizes[n] = &recycled{}
	}
	return r.sizes[n]
}

// Take gives n bytes of undefined content.
func (r *Recycler) Take(n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.size(n)
	s.out++
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free = s.free[:last]
		return b
	}
	return make([]byte, n)
}

// Put gives b back, which nobody may use afterwards. Memory that is not from Take
// takes the place of some that is.
func (r *Recycler) Put(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.size(len(b)); s.out > 0 {
		s.out--
		s.free = append(s.free, b)
	}
}
