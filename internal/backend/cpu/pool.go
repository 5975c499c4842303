package cpu

import "math/bits"

// pool recycles freed buffers by size class, so that a training step does not
// churn the garbage collector. What is live plus what is kept for reuse exceeds
// the most that was live at once by no more than an eighth: without that room a
// step whose peaks of single sizes come at different times would allocate anew
// each time, and first use of memory is slow.
type pool struct {
	free             map[int][][]float32 // by capacity
	live, kept, peak int                 // values
}

// sizeClass rounds n up to a power of two or a quarter step between two, and large
// buffers to 256 KiB: at most a fifth of a small buffer is wasted, and next to
// nothing of a large one, whose sizes recur exactly.
func sizeClass(n int) int {
	const smallest = 64
	if n <= smallest {
		return smallest
	}
	step := min(1<<(bits.Len(uint(n-1))-3), 1<<16)
	return roundUp(n, step)
}

// take gives n values and says whether they are those of a former use, not zeros.
func (p *pool) take(n int) (data []float32, used bool) {
	size := sizeClass(n)
	p.live += size
	p.peak = max(p.peak, p.live)
	if list := p.free[size]; len(list) > 0 {
		last := len(list) - 1
		data, p.free[size] = list[last], list[:last]
		p.kept -= size
		return data[:n], true
	}
	p.trim()
	return aligned(size)[:n], false
}

func (p *pool) put(data []float32) {
	if p.free == nil {
		p.free = map[int][][]float32{}
	}
	size := cap(data)
	p.free[size] = append(p.free[size], data)
	p.live -= size
	p.kept += size
}

// trim drops kept buffers until live and kept together are within bounds.
func (p *pool) trim() {
	for size, list := range p.free {
		for len(list) > 0 && p.live+p.kept > p.peak+p.peak/8 {
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			p.kept -= size
		}
		p.free[size] = list
	}
}
