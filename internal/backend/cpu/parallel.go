package cpu

import "sync/atomic"

// chunk is how many values an element-wise op handles at a time: small enough
// that the few operands of a chunk stay in the first-level cache.
const chunk = 2048

// worker is what one thread owns: memory that no other thread touches.
type worker struct {
	tile []float32 // a micro-tile, for the ragged edges of a product
	area []float32

	decoded []float32 // part of a stored matrix

	posted atomic.Pointer[tasks] // what it is to do next; listening: nothing yet; nil: it has no goroutine
}

// scratch is n values of undefined content, valid until the next call.
func (w *worker) scratch(n int) []float32 { return grow(&w.area, n) }

// grow makes *s at least n long, forgetting its values, and gives the first n.
func grow(s *[]float32, n int) []float32 {
	if len(*s) < n {
		*s = aligned(n + n/4)
	}
	return (*s)[:n]
}

// each runs f for every i in [0, n) over the threads, in no particular order.
func (b *Backend) each(n int, f func(w *worker, i int)) {
	if n <= 0 {
		return
	}
	t := &tasks{run: f, n: int64(n)}
	t.last.Add(1)
	for _, w := range b.workers[1:max(1, min(n, len(b.workers)))] {
		w.help(t)
	}
	t.take(b.workers[0])
	t.wait()
}

// spans runs f over [0, n) cut every size values.
func (b *Backend) spans(n, size int, f func(w *worker, lo, hi int)) {
	b.each(ceilDiv(n, size), func(w *worker, i int) {
		f(w, i*size, min(n, (i+1)*size))
	})
}

// chunks runs f over [0, n) a chunk at a time, several chunks to a task.
func (b *Backend) chunks(n int, f func(w *worker, lo, hi int)) {
	b.spans(n, 8*chunk, func(w *worker, from, to int) {
		for lo := from; lo < to; lo += chunk {
			f(w, lo, min(to, lo+chunk))
		}
	})
}

func ceilDiv(n, d int) int { return (n + d - 1) / d }

func roundUp(n, multiple int) int { return ceilDiv(n, multiple) * multiple }
