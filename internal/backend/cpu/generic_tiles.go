package cpu

// tilesGeneric are the oracle of AMX.
var tilesGeneric = tileKernels{
	gemm:    tilesGemmGeneric,
	rows:    tilesRowsGeneric,
	columns: tilesColumnsGeneric,
	turn:    turnGeneric,
}

// tilesGemmGeneric adds the products of a block to zero, then their sum to the tile.
func tilesGemmGeneric(c []float32, ldc int, a, b []float32, k, n int, add bool) {
	for t := range n {
		for i := range blockRows {
			for j := range blockRows {
				var sum float32
				if add {
					sum = c[i*ldc+t*blockRows+j]
				}
				for l := 0; l < k; l += blockPairs {
					sum += tilesDot(a[l*blockRows+i*blockPairs:], b[(t*k+l)*blockRows+j:])
				}
				c[i*ldc+t*blockRows+j] = sum
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

func tilesRowsGeneric(dst, src []float32, lds, rows, depth int) {
	for i := range rows {
		row := src[i*lds:][:depth]
		for l := 0; l < roundUp(depth, blockDepth); l += 2 {
			dst[l/blockDepth*block+i*blockPairs+l%blockDepth/2] = pair(valueOr0(row, l), valueOr0(row, l+1))
		}
	}
}

// valueOr0 is x[i], or 0 past the end.
func valueOr0(x []float32, i int) float32 {
	if i < len(x) {
		return x[i]
	}
	return 0
}

func tilesColumnsGeneric(dst, src []float32, lds, rows, depth int) {
	for l := 0; l < roundUp(depth, blockDepth); l += 2 {
		for i := range rows {
			var x0, x1 float32
			if l < depth {
				x0 = src[l*lds+i]
			}
			if l+1 < depth {
				x1 = src[(l+1)*lds+i]
			}
			dst[l/2*blockRows+i] = pair(x0, x1)
		}
	}
}

func turnGeneric(dst []float32, ldd int, src []float32, lds int) {
	for i := range blockPairs {
		for j := range blockPairs {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}
