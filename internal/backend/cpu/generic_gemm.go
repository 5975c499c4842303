package cpu

// gemmGeneric keeps a 2 x 4 tile in registers.
func gemmGeneric(c []float32, ldc int, a, b []float32, k int, add bool) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	a, b = a[:2*k], b[:4*k]
	for len(a) >= 2 && len(b) >= 4 {
		x, y := a[0], a[1]
		c00, c10 = c00+x*b[0], c10+y*b[0]
		c01, c11 = c01+x*b[1], c11+y*b[1]
		c02, c12 = c02+x*b[2], c12+y*b[2]
		c03, c13 = c03+x*b[3], c13+y*b[3]
		a, b = a[2:], b[4:]
	}
	store(c, []float32{c00, c01, c02, c03}, add)
	store(c[ldc:], []float32{c10, c11, c12, c13}, add)
}

// store writes part to the start of row, or adds it there.
func store(row, part []float32, add bool) {
	if !add {
		copy(row, part)
		return
	}
	for j, v := range part {
		row[j] += v
	}
}

func copyRowsGeneric(dst []float32, width int, src []float32, lds, n int) {
	for j := range n {
		copy(dst[j*width:], src[j*lds:][:width])
	}
}

func transpose4Generic(dst []float32, ldd int, src []float32, lds, n int) {
	r0, r1, r2, r3 := src[:n], src[lds:lds+n], src[2*lds:2*lds+n], src[3*lds:3*lds+n]
	for j := range n {
		d := dst[j*ldd : j*ldd+4]
		d[0], d[1], d[2], d[3] = r0[j], r1[j], r2[j], r3[j]
	}
}
