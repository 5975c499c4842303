package cpu

// tileKernels are products on square tiles of bf16, as AMX has them, and how operands are
// packed for them: in blocks of blockRows rows by blockDepth of the common dimension, 16
// pairs of bf16 a row. A value has one part, itself rounded, or three whose sum it is; a
// block of each part follows that of the one before. What is past the end of the common
// dimension is filled with zeros.
type tileKernels struct {
	parts int
	// gemm makes n micro-tiles of blockRows x blockRows side by side: c[i*ldc+j] = Σ over
	// values of a and b, plus c itself with add. Of a, a panel of k slots, pairs of a row
	// are side by side (rows); of b, which holds n such panels, the rows of a pair
	// (columns). It may take subnormals for 0.
	gemm func(c []float32, ldc int, a, b []float32, k, n int, add bool)
	// rows packs rows of src, lds apart. In the block of l/32 and a part,
	// dst[i*16+l%32/2] = pair of src[i*lds+l] and the next, for i < rows, l < depth.
	rows func(dst, src []float32, lds, rows, depth int)
	// columns packs columns: dst[l%32/2*32+i] = pair of src[l*lds+i] and
	// src[(l+1)*lds+i], for i < rows, l < depth. Further rows may be written.
	columns func(dst, src []float32, lds, rows, depth int)
	// turn: dst[j*ldd+i] = src[i*lds+j] for i, j < 16.
	turn func(dst []float32, ldd int, src []float32, lds int)
}

const (
	blockRows  = 32
	blockDepth = 32
	blockPairs = blockDepth / 2
	block      = blockRows * blockPairs // pairs

	blocksAtOnce = 4 // of rows packed before they are turned: whole cache lines
)

// tiled is the format of such blocks.
func tiled(t *tileKernels) format {
	return format{
		mr: blockRows, nr: blockRows, values: blockDepth, slots: t.parts * blockPairs, depth: 512, rows: taskRows, cols: 2 * taskCols,
		pack: [2]packer{
			func(w *worker, dst []float32, m matrix, rows, depth, _ int) { t.packLeft(w, dst, m, rows, depth) },
			func(w *worker, dst []float32, m matrix, rows, depth, _ int) { t.packRight(w, dst, m, rows, depth) },
		},
		strip: func(c []float32, ldc int, a []float32, y panels, k, n int, add bool) {
			t.gemm(c, ldc, a, y.data, k, n, add)
		},
	}
}

// packLeft packs rows x depth of m with the pairs of a row side by side.
func (t *tileKernels) packLeft(w *worker, dst []float32, m matrix, rows, depth int) {
	if m.cs == 1 {
		t.rows(dst, m.data, m.rs, rows, depth)
		return
	}
	packed := w.scratch(t.parts * block)
	for l := 0; l < depth; l += blockDepth {
		t.columns(packed, m.at(0, l).data, m.cs, rows, min(blockDepth, depth-l))
		for p := 0; p < t.parts*block; p += block {
			from, to := packed[p:], dst[l/blockDepth*t.parts*block+p:]
			t.turn(to, blockPairs, from, blockRows)
			t.turn(to[block/2:], blockPairs, from[blockRows/2:], blockRows)
		}
	}
}

// packRight packs rows x depth of m with the rows of a pair side by side.
func (t *tileKernels) packRight(w *worker, dst []float32, m matrix, rows, depth int) {
	if m.rs == 1 {
		t.columns(dst, m.data, m.cs, rows, depth)
		return
	}
	packed := w.scratch(blocksAtOnce * t.parts * block)
	for l := 0; l < depth; l += blocksAtOnce * blockDepth {
		n := min(blocksAtOnce*blockDepth, depth-l)
		t.rows(packed, m.at(0, l).data, m.rs, rows, n)
		for p := 0; p < ceilDiv(n, blockDepth)*t.parts*block; p += block {
			from, to := packed[p:], dst[l/blockDepth*t.parts*block+p:]
			t.turn(to, blockRows, from, blockPairs)
			t.turn(to[blockRows/2:], blockRows, from[block/2:], blockPairs)
		}
	}
}
