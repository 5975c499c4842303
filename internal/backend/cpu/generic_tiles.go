package cpu

import "math"

// tilesGeneric and splitGeneric are the oracle of AMX.
var (
	tilesGeneric = genericTiles(1, func(x float32, _ int) uint32 { return roundedBits(x) })
	splitGeneric = genericTiles(3, partBits)
)

// partBits is the part of x that bf16 holds, cut off, after as many such parts have been
// taken from it: those of 0 to 2 add up to x, and each has its sign or is 0.
func partBits(x float32, part int) uint32 {
	for range part {
		x -= math.Float32frombits(math.Float32bits(x) &^ 0xFFFF)
	}
	return math.Float32bits(x) &^ 0xFFFF
}

// genericTiles are kernels on values in parts, whose upper halves are bits of a value.
func genericTiles(parts int, bits func(x float32, part int) uint32) tileKernels {
	// put packs values l and l+1 of the common dimension, where depth has them.
	put := func(dst []float32, at, l, depth int, value func(l int) float32) {
		var x [2]float32
		for i := range min(2, depth-l) {
			x[i] = value(l + i)
		}
		for p := range parts {
			dst[(l/blockDepth*parts+p)*block+at] = math.Float32frombits(bits(x[1], p) | bits(x[0], p)>>16)
		}
	}
	return tileKernels{
		parts: parts,
		gemm: func(c []float32, ldc int, a, b []float32, k, n int, add bool) {
			tilesGemmGeneric(parts, c, ldc, a, b, k, n, add)
		},
		rows: func(dst, src []float32, lds, rows, depth int) {
			for i := range rows {
				for l := 0; l < roundUp(depth, blockDepth); l += 2 {
					put(dst, i*blockPairs+l%blockDepth/2, l, depth, func(l int) float32 { return src[i*lds+l] })
				}
			}
		},
		columns: func(dst, src []float32, lds, rows, depth int) {
			for i := range rows {
				for l := 0; l < roundUp(depth, blockDepth); l += 2 {
					put(dst, l%blockDepth/2*blockRows+i, l, depth, func(l int) float32 { return src[l*lds+i] })
				}
			}
		},
		turn: turnGeneric,
	}
}

// partProducts are the parts of a and b that are multiplied, the least products first; those
// left out are below 2^-22 of the whole. The last is that of values in one part.
var partProducts = [][2]int{{2, 0}, {1, 1}, {0, 2}, {0, 1}, {1, 0}, {0, 0}}

// tilesGemmGeneric sums the products of two blocks from zero, then those sums.
func tilesGemmGeneric(parts int, c []float32, ldc int, a, b []float32, k, n int, add bool) {
	for t := range n {
		for i := range blockRows {
			for j := range blockRows {
				var sum float32
				for l := 0; l < k; l += parts * blockPairs {
					for _, p := range partProducts {
						if p[0] < parts && p[1] < parts {
							sum += tilesDot(a[l*blockRows+p[0]*block+i*blockPairs:], b[(t*k+l)*blockRows+p[1]*block+j:])
						}
					}
				}
				store(c[i*ldc+t*blockRows+j:], []float32{sum}, add)
			}
		}
	}
}

// tilesDot sums products of a row of a block and a column of another, even and odd ones apart.
func tilesDot(row, column []float32) float32 {
	var even, odd float32
	for s := range blockPairs {
		x0, x1 := unpair(row[s])
		y0, y1 := unpair(column[s*blockRows])
		even, odd = even+x0*y0, odd+x1*y1
	}
	return even + odd
}

func turnGeneric(dst []float32, ldd int, src []float32, lds int) {
	for i := range blockPairs {
		for j := range blockPairs {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}
