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

// format is how products take their operands: packed so that gemm, on panels of
// that form, multiplies them.
type format struct {
	suffix string // of the backend's name
	values int    // of the common dimension in a value of a panel
	pack   func(b *Backend, dst []float32, m matrix, rows, depth, width int)
	gemm   microKernel
	rounds bool // to bf16
}

// full takes operands as they are.
func full(k *kernels) format {
	return format{values: 1, pack: (*Backend).packPanel, gemm: k.gemm}
}

// gemm: c[m,n] = x·yᵀ for x (m rows), y (n rows) and common dimension k; with add,
// c += x·yᵀ. Rows of c are ldc values apart.
func (b *Backend) gemm(c []float32, ldc, m, n, k int, x, y matrix, add bool) {
	slots := ceilDiv(k, b.linear.values)
	depth := ceilDiv(slots, ceilDiv(slots, depthLimit)) * b.linear.values
	for l := 0; l < k; l += depth {
		kc := min(depth, k-l)
		for j := 0; j < n; j += colLimit {
			nc := min(colLimit, n-j)
			py := b.pack(1, y.at(j, l), nc, kc, b.nr)
			for i := 0; i < m; i += rowLimit {
				mc := min(rowLimit, m-i)
				px := b.pack(0, x.at(i, l), mc, kc, b.mr)
				b.multiply(c[i*ldc+j:], ldc, mc, nc, px, py, add || l > 0)
			}
		}
	}
}

// multiply makes the tiles of one block over all threads.
func (b *Backend) multiply(c []float32, ldc, m, n int, x, y panels, add bool) {
	rows, cols := roundUp(taskRows, b.mr), roundUp(taskCols, b.nr)
	across := ceilDiv(n, cols)
	for rows > b.mr && ceilDiv(m, rows)*across < tasksEach*len(b.workers) {
		rows = roundUp(rows/2, b.mr)
	}
	b.each(ceilDiv(m, rows)*across, func(w *worker, task int) {
		i, j := task/across*rows, task%across*cols
		b.tiles(w, b.linear.gemm, c[i*ldc+j:], ldc, min(rows, m-i), min(cols, n-j), x.depth, x.rowsFrom(i), y.rowsFrom(j), add)
	})
}

// tiles: c[m,n] = x·yᵀ (or += with add) on this thread, from operands packed for gemm.
func (b *Backend) tiles(w *worker, gemm microKernel, c []float32, ldc, m, n, k int, x, y panels, add bool) {
	for i := 0; i < m; i += b.mr {
		for j := 0; j < n; j += b.nr {
			if i+b.mr <= m && j+b.nr <= n {
				gemm(c[i*ldc+j:], ldc, x.from(i), y.from(j), k, add)
				continue
			}
			gemm(w.tile, b.nr, x.from(i), y.from(j), k, false)
			for r := range min(b.mr, m-i) {
				store(c[(i+r)*ldc+j:], w.tile[r*b.nr:][:min(b.nr, n-j)], add)
			}
		}
	}
}
