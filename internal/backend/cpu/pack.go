package cpu

// at is the part of m from row i and column l on.
func (m matrix) at(i, l int) matrix {
	return matrix{m.data[i*m.rs+l*m.cs:], m.rs, m.cs}
}

// operand is a factor of a product, rows along the result and columns along the common dimension.
type operand interface {
	// part is the operand from row i and column l on, as far as rows and depth at least; what
	// is not in memory yet is put into memory of w.
	part(w *worker, i, l, rows, depth int) matrix
}

// part needs no memory.
func (m matrix) part(_ *worker, i, l, _, _ int) matrix { return m.at(i, l) }

const (
	panelsAtOnce  = 4   // of an operand with consecutive rows, packed by a task
	depthAtOnce   = 16  // of each of these before more of it
	decodedAtOnce = 256 // of the rows of a stored matrix: whole blocks, which stay in the first-level cache
)

// pack packs rows x depth of m, from row i0 and column l0 on, into panels of operand number
// which of products, 0 the left and 1 the right, over all threads, in memory of the backend.
func (b *Backend) pack(f *format, which int, m operand, i0, l0, rows, depth int) panels {
	width := [2]int{f.mr, f.nr}[which]
	p := panels{depth: ceilDiv(depth, f.values) * f.slots}
	p.data = grow(&b.packed[which], roundUp(rows, width)*p.depth)
	// Where rows are consecutive in memory, a cache line holds parts of several
	// panels, and the lines of one panel compete for few sets of the cache when the
	// distance of columns is a multiple of a power of two: pack all of a line at once.
	size, step, phase := width, depth, 0
	switch m := m.(type) {
	case matrix:
		if m.rs == 1 {
			size, step = width*panelsAtOnce, roundUp(depthAtOnce, f.values)
		}
	case *stored:
		step, phase = decodedAtOnce, l0%decodedAtOnce
	}
	b.spans(rows, size, func(w *worker, lo, hi int) {
		for l, next := 0, 0; l < depth; l = next {
			next = min(depth, l+step-(phase+l)%step)
			for i := lo; i < hi; i += width {
				rows := min(width, hi-i)
				f.pack[which](w, p.from(i)[l/f.values*f.slots*width:], m.part(w, i0+i, l0+l, rows, next-l), rows, next-l, width)
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

// columnsAtOnce are transposed of all rows of a panel before more of them, so that their part of
// the panel stays in the first-level cache.
const columnsAtOnce = 128

// packPanel writes dst[l*width+i] = m(i, l) for i < rows, l < depth. A panel with
// fewer rows than its width keeps what stood in the others: results of those rows
// are dropped.
func (k *kernels) packPanel(dst []float32, m matrix, rows, depth, width int) {
	if m.rs == 1 && rows == width {
		k.copyRows(dst, width, m.data, m.cs, depth)
		return
	}
	i := 0
	if m.cs == 1 {
		i = rows &^ 3
		for l := 0; l < depth; l += columnsAtOnce {
			for r := 0; r < i; r += 4 {
				k.transpose4(dst[l*width+r:], width, m.data[r*m.rs+l:], m.rs, min(columnsAtOnce, depth-l))
			}
		}
	}
	for ; i < rows; i++ {
		for l := range depth {
			dst[l*width+i] = m.data[i*m.rs+l*m.cs]
		}
	}
}
