package cpu

// at is the part of m from row i and column l on.
func (m matrix) at(i, l int) matrix {
	return matrix{m.data[i*m.rs+l*m.cs:], m.rs, m.cs}
}

const (
	panelsAtOnce = 4  // of an operand with consecutive rows, packed by a task
	depthAtOnce  = 16 // of each of these before more of it
)

// pack packs rows x depth of m into panels of operand number which of Linear ops, 0
// the left and 1 the right, over all threads, in memory of the backend.
func (b *Backend) pack(which int, m matrix, rows, depth int) panels {
	f := &b.linear
	width := [2]int{f.mr, f.nr}[which]
	p := panels{depth: ceilDiv(depth, f.values) * f.slots}
	p.data = grow(&b.packed[which], roundUp(rows, width)*p.depth)
	// Where rows are consecutive in memory, a cache line holds parts of several
	// panels, and the lines of one panel compete for few sets of the cache when the
	// distance of columns is a multiple of a power of two: pack all of a line at once.
	size, step := width, depth
	if m.rs == 1 {
		size, step = width*panelsAtOnce, roundUp(depthAtOnce, f.values)
	}
	b.spans(rows, size, func(w *worker, lo, hi int) {
		for l := 0; l < depth; l += step {
			for i := lo; i < hi; i += width {
				f.pack[which](w, p.from(i)[l/f.values*f.slots*width:], m.at(i, l), min(width, hi-i), min(step, depth-l), width)
			}
		}
	})
	return p
}

// packOn packs float32 on this thread, into dst.
func (b *Backend) packOn(dst []float32, m matrix, rows, depth, width int) panels {
	p := panels{dst, depth}
	for i := 0; i < rows; i += width {
		b.packPanel(p.from(i), m.at(i, 0), min(width, rows-i), depth, width)
	}
	return p
}

// packPanel writes dst[l*width+i] = m(i, l) for i < rows, l < depth. A panel with
// fewer rows than its width keeps what stood in the others: results of those rows
// are dropped.
func (k *kernels) packPanel(dst []float32, m matrix, rows, depth, width int) {
	if m.rs == 1 && rows == width {
		k.copyRows(dst, width, m.data, m.cs, depth)
		return
	}
	i := 0
	for ; m.cs == 1 && i+4 <= rows; i += 4 {
		k.transpose4(dst[i:], width, m.data[i*m.rs:], m.rs, depth)
	}
	for ; i < rows; i++ {
		for l := range depth {
			dst[l*width+i] = m.data[i*m.rs+l*m.cs]
		}
	}
}
