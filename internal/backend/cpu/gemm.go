package cpu

// Products follow Goto and van de Geijn (2008): blocks of both operands are
// packed into panels as the micro-kernel reads them, then tiles of the result are
// made by worker after worker. The limits are values, chosen to keep a row panel
// in the first-level cache, a task's panels in the second, a block in the third.
const (
	depthLimit = 640  // of the common dimension in one block
	rowLimit   = 1536 // rows in one block
	colLimit   = 3072 // columns in one block
	taskRows   = 96
	taskCols   = 256
	tasksEach  = 12 // of a thread at least, so that none waits long for the last: tasks of small products have fewer rows
)

// matrix is an operand seen as rows along the result and columns along the common
// dimension: element (i, l) is data[i*rs+l*cs], with rs or cs equal to 1.
type matrix struct {
	data   []float32
	rs, cs int
}

// panels is an operand in packed form: each panel holds, for every l of the common
// dimension, its rows side by side, and depth values for each.
type panels struct {
	data  []float32
	depth int
}

// from is the panels from row i on, a multiple of the panel width.
func (p panels) from(i int) []float32 { return p.data[i*p.depth:] }

// rowsFrom is p without the rows before i, a multiple of the panel width.
func (p panels) rowsFrom(i int) panels { return panels{p.from(i), p.depth} }

// depthFrom is p, in panels of that width, without what comes before l of the common dimension.
func (p panels) depthFrom(l, width int) panels { return panels{p.data[l*width:], p.depth} }

// format is how products take their operands: packed so that strip, on panels of
// that form, multiplies them.
type format struct {
	suffix string // of the backend's name
	mr, nr int    // rows and columns of a micro-tile: the widths of panels
	// values of the common dimension take up slots of each row of a panel; depth is the
	// most slots of one block.
	values, slots, depth int
	rows, cols           int       // of a task
	pack                 [2]packer // the left and the right operand
	strip                strip
	rounds               bool // to bf16
}

// packer packs rows x depth of m to dst, a panel of that width, in scratch memory of w.
type packer func(w *worker, dst []float32, m matrix, rows, depth, width int)

// strip makes n micro-tiles of c side by side, from k slots of a panel and of n others.
type strip func(c []float32, ldc int, a []float32, y panels, k, n int, add bool)

// whole takes operands as float32: in parts on tiles where the set has those.
func whole(k *kernels) format {
	if k.split != nil {
		return tiled(k.split)
	}
	return full(k)
}

// full takes operands as they are.
func full(k *kernels) format { return ofKernels(k, 1, k.packPanel, k.gemm) }

// ofKernels is a format of the set's micro-tiles, that many values to a slot.
func ofKernels(k *kernels, values int, packPanel func(dst []float32, m matrix, rows, depth, width int), gemm microKernel) format {
	pack := func(_ *worker, dst []float32, m matrix, rows, depth, width int) {
		packPanel(dst, m, rows, depth, width)
	}
	return format{
		mr: k.mr, nr: k.nr, values: values, slots: 1, depth: depthLimit, rows: taskRows, cols: taskCols,
		pack: [2]packer{pack, pack},
		strip: func(c []float32, ldc int, a []float32, y panels, depth, n int, add bool) {
			for j := range n {
				gemm(c[j*k.nr:], ldc, a, y.from(j*k.nr), depth, add)
			}
		},
	}
}

// gemm: c[m,n] = x·yᵀ for x (m rows), y (n rows) and common dimension k; with add,
// c += x·yᵀ. Rows of c are ldc values apart.
func (b *Backend) gemm(f *format, c []float32, ldc, m, n, k int, x, y operand, add bool) {
	units := ceilDiv(k, f.values)
	depth := ceilDiv(units, ceilDiv(units*f.slots, f.depth)) * f.values
	for l := 0; l < k; l += depth {
		kc := min(depth, k-l)
		for j := 0; j < n; j += colLimit {
			nc := min(colLimit, n-j)
			py := b.pack(f, 1, y, j, l, nc, kc)
			for i := 0; i < m; i += rowLimit {
				mc := min(rowLimit, m-i)
				px := b.pack(f, 0, x, i, l, mc, kc)
				b.multiply(f, c[i*ldc+j:], ldc, mc, nc, px, py, add || l > 0)
			}
		}
	}
}

// multiply makes the tiles of one block over all threads.
func (b *Backend) multiply(f *format, c []float32, ldc, m, n int, x, y panels, add bool) {
	rows, across := roundUp(f.rows, f.mr), ceilDiv(n, f.cols)
	cols := roundUp(ceilDiv(n, across), f.nr)
	for rows > f.mr && ceilDiv(m, rows)*across < tasksEach*len(b.workers) {
		rows = roundUp(rows/2, f.mr)
	}
	down := ceilDiv(m, rows)
	b.each(down*across, func(w *worker, task int) {
		i, j := task%down*rows, task/down*cols
		f.tiles(w, c[i*ldc+j:], ldc, min(rows, m-i), min(cols, n-j), x.depth, x.rowsFrom(i), y.rowsFrom(j), add)
	})
}

// tiles: c[m,n] = x·yᵀ (or += with add) on this thread, from packed operands.
func (f *format) tiles(w *worker, c []float32, ldc, m, n, k int, x, y panels, add bool) {
	for i := 0; i < m; i += f.mr {
		whole := n / f.nr
		if i+f.mr > m {
			whole = 0
		}
		if whole > 0 {
			f.strip(c[i*ldc:], ldc, x.from(i), y, k, whole, add)
		}
		for j := whole * f.nr; j < n; j += f.nr {
			f.ragged(w, c[i*ldc+j:], ldc, min(f.mr, m-i), min(f.nr, n-j), k, x.from(i), y.rowsFrom(j), add)
		}
	}
}

// ragged makes the part of a micro-tile that c has: the sums are those of a whole one.
func (f *format) ragged(w *worker, c []float32, ldc, m, n, k int, a []float32, y panels, add bool) {
	for r := range m {
		if add {
			copy(w.tile[r*f.nr:], c[r*ldc:][:n])
		}
	}
	f.strip(w.tile, f.nr, a, y, k, 1, add)
	for r := range m {
		copy(c[r*ldc:][:n], w.tile[r*f.nr:])
	}
}
