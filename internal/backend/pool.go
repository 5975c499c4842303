package backend

import (
	"maps"
	"math/bits"
	"slices"
)

// Pool recycles freed memory M by size class, so that a training step does not churn the
// garbage collector. What is live plus what is kept for reuse exceeds the most that was live
// at once by no more than an eighth: without that room a step whose peaks of single sizes
// come at different times would allocate anew each time, and first use of memory is slow.
type Pool[M any] struct {
	make func(size int) M
	free map[int][]M // by size

	live, kept, peak, most int // values
}

// NewPool makes memory of so many values by make.
func NewPool[M any](make func(size int) M) *Pool[M] {
	return &Pool[M]{make: make, free: map[int][]M{}}
}

// SizeClass rounds n up to a power of two or a quarter step between two, and large
// buffers to 256 KiB: at most a fifth of a small buffer is wasted, and next to
// nothing of a large one, whose sizes recur exactly.
func SizeClass(n int) int {
	const smallest = 64
	if n <= smallest {
		return smallest
	}
	step := min(1<<(bits.Len(uint(n-1))-3), 1<<16)
	return (n + step - 1) / step * step
}

// Take gives memory of SizeClass(n) values, and says whether it was used before.
func (p *Pool[M]) Take(n int) (m M, used bool) {
	size := SizeClass(n)
	p.live += size
	p.peak = max(p.peak, p.live)
	if list := p.free[size]; len(list) > 0 {
		last := len(list) - 1
		m, p.free[size] = list[last], list[:last]
		p.kept -= size
		return m, true
	}
	p.trim()
	p.most = max(p.most, p.Taken())
	return p.make(size), false
}

// Put takes memory of so many values back.
func (p *Pool[M]) Put(m M, size int) {
	p.free[size] = append(p.free[size], m)
	p.live -= size
	p.kept += size
}

// trim drops kept memory, the largest first, until live and kept together are within bounds.
func (p *Pool[M]) trim() {
	most := p.peak + p.peak/8
	if p.live+p.kept <= most {
		return
	}
	sizes := slices.Sorted(maps.Keys(p.free))
	for _, size := range slices.Backward(sizes) {
		for len(p.free[size]) > 0 && p.live+p.kept > most {
			last := len(p.free[size]) - 1
			clear(p.free[size][last:])
			p.free[size] = p.free[size][:last]
			p.kept -= size
		}
	}
}

// Trim drops all that is kept for reuse.
func (p *Pool[M]) Trim() {
	clear(p.free)
	p.kept = 0
}

// Live is the values in use, Taken those and what is kept for reuse, and Most the most that
// were taken at once.
func (p *Pool[M]) Live() int  { return p.live }
func (p *Pool[M]) Taken() int { return p.live + p.kept }
func (p *Pool[M]) Most() int  { return p.most }
