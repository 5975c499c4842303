package main

import "fmt"

// sixBitScales leaves the eight scales of the block of Q4_K or Q5_K at hand of row r, times d, at
// scaleAt(r, 0) and behind them the eight minima, times dmin: see tensor.scaleMin. Bits 6 and 7 of
// the first eight bytes are bits 4 and 5 of the last four of each.
func (g *gen) sixBitScales(r int) {
	g.emit(`
		VMOVDQU %s, X4
		VPSHUFD $0xAA, X4, X5
		VPSRLVD [lowHigh], X5, X5
		VPAND [fifteens], X5, X5
		VPSRLD $2, X4, X6
		VPAND [fortyEights], X6, X6
		VPOR X6, X5, X5
		VPAND [sixtyThrees], X4, X4
		VPUNPCKLDQ X5, X4, X4
		VCVTPH2PS %s, X6
		VMOVSHDUP X6, X7`, row(r, 4), row(r, 0))
	if g.isa == avx512 {
		g.emit("VPMOVZXBD X4, Z4\nVCVTDQ2PS Z4, Z4\nVBROADCASTSS X6, Y6\nVBROADCASTSS X7, Y7\nVINSERTF64X4 $1, Y7, Z6, Z6\nVMULPS Z6, Z4, Z4\nVMOVUPS Z4, %s", scaleAt(r, 0))
		return
	}
	for half, d := range []int{6, 7} {
		g.emit("VPMOVZXBD X4, Y5\nVCVTDQ2PS Y5, Y5\nVBROADCASTSS X%[1]d, Y%[1]d\nVMULPS Y%[1]d, Y5, Y5\nVMOVUPS Y5, %[2]s", d, scaleAt(r, 8*half))
		if half == 0 {
			g.emit("VPSRLDQ $8, X4, X4")
		}
	}
}

// scaleAt is where scale i of the block of row r stands on the stack: number 16*r+i.
func scaleAt(r, i int) string { return fmt.Sprintf("%d(SP)", 4*(16*r+i)) }

// timesScale adds x times float32 number i on the stack to sum, or subtracts it, using V6.
func (g *gen) timesScale(op, x string, i int, sum string) {
	g.emit("VBROADCASTSS %d(SP), V6\n%s V6, %s, %s", 4*i, op, x, sum)
}

// scaledBlocks multiplies rows of blocks of 256 values with scales of six bits. Quants makes V8 the
// vectors of quants at i of 32, and V9 those 32 values on, of the 64 values at.
func (g *gen) scaledBlocks(bytes int, quants func(r, at, i int)) {
	g.blockRows(256, bytes, func(rows int) {
		for r := range rows {
			g.sixBitScales(r)
		}
		for at := 0; at < 256; at += 64 {
			g.loadX(at, 64)
			g.sumX(at, "V10")
			g.sumX(at+32, "V15")
			for r := range rows {
				for i := 0; i < 32; i += g.lanes {
					quants(r, at, i)
					g.product("V8", at+i, "V4", i == 0)
					g.product("V9", at+32+i, "V5", i == 0)
				}
				sum := fmt.Sprint("V", r)
				g.timesScale("VFMADD231PS", "V4", 16*r+at/32, sum)
				g.timesScale("VFMADD231PS", "V5", 16*r+at/32+1, sum)
				g.timesScale("VFNMADD231PS", "V10", 16*r+8+at/32, sum)
				g.timesScale("VFNMADD231PS", "V15", 16*r+8+at/32+1, sum)
			}
		}
	})
}

func dotsQ4K(g *gen) {
	g.nibbleTable(false)
	if g.isa == avx512 {
		g.valuesOfNibbles()
		return
	}
	g.scaledBlocks(144, func(r, at, i int) { g.nibbles(row(r, 16+at/2+i), false) })
}

// valuesOfNibbles is dotsQ4K where sixteen values are a vector: V4 and V5 become those that the quants of
// 32 stand for, so that nothing is left to do with sums.
func (g *gen) valuesOfNibbles() {
	g.blockRows(256, 144, func(rows int) {
		for r := range rows {
			g.sixBitScales(r)
		}
		for at := 0; at < 256; at += 64 {
			g.loadX(at, 64)
			for r := range rows {
				for half, values := range []string{"V4", "V5"} {
					scale := at/32 + half
					g.emit("VBROADCASTSS %[1]s, %[3]s\nVFMSUB213PS.BCST %[2]s, V12, %[3]s", scaleAt(r, scale), scaleAt(r, 8+scale), values)
				}
				for i := 0; i < 32; i += g.lanes {
					g.emit("VPMOVZXBD %s, V8\nVPSRLD $4, V8, V9\nVPERMPS V4, V8, V8\nVPERMPS V5, V9, V9", row(r, 16+at/2+i))
					g.product("V8", at+i, fmt.Sprint("V", r), false)
					g.product("V9", at+32+i, fmt.Sprint("V", r), false)
				}
			}
		}
	})
}

func dotsQ5K(g *gen) {
	g.emit("VMOVUPS [fifteen], V12\nVMOVUPS [sixteen], V13")
	g.scaledBlocks(176, func(r, at, i int) {
		g.emit("VPMOVZXBD %s, V11\nVPMOVZXBD %s, V8\nVPSRLD $4, V8, V9\nVANDPS V12, V8, V8", row(r, 16+i), row(r, 48+at/2+i))
		g.bits("V8", 4-at/32, "V13")
		g.bits("V9", 3-at/32, "V13")
		g.emit("VCVTDQ2PS V8, V8\nVCVTDQ2PS V9, V9")
	})
}

// bits adds those bits of V11, moved left, that mask has to quants, using V14.
func (g *gen) bits(quants string, left int, mask string) {
	switch {
	case left > 0:
		g.emit("VPSLLD $%d, V11, V14", left)
	case left < 0:
		g.emit("VPSRLD $%d, V11, V14", -left)
	default:
		g.emit("VMOVAPS V11, V14")
	}
	g.emit("VANDPS %[2]s, V14, V14\nVORPS V14, %[1]s, %[1]s", quants, mask)
}

// dotsQ6K: the 16 scales of a row, times d, are where scaleAt says.
func dotsQ6K(g *gen) {
	g.emit("VMOVUPS [fifteen], V12\nVMOVUPS [fortyEight], V13\nVMOVUPS [thirtyTwo], V15")
	g.blockRows(256, 210, func(rows int) {
		for r := range rows {
			g.emit("VPBROADCASTW %s, X6\nVCVTPH2PS X6, X6\nVBROADCASTSS X6, V6", row(r, 208))
			for i := 0; i < 16; i += g.lanes {
				g.emit("VPMOVSXBD %s, V8\nVCVTDQ2PS V8, V8\nVMULPS V6, V8, V8\nVMOVUPS V8, %s", row(r, 192+i), scaleAt(r, i))
			}
		}
		for half := range 2 {
			g.loadX(128*half, 128)
			for i := 0; i < 32; i += g.lanes {
				for r := range rows {
					g.sixBits(r, half, i)
				}
			}
		}
	})
}

// sixBits adds the products of four vectors, 32 values apart, of a half of a block of row r.
func (g *gen) sixBits(r, half, i int) {
	g.emit("VPMOVZXBD %s, V11", row(r, 128+32*half+i))
	for quarter, left := range []int{4, 2, 0, -2} {
		g.emit("VPMOVZXBD %s, V8", row(r, 64*half+32*(quarter%2)+i))
		if quarter < 2 {
			g.emit("VANDPS V12, V8, V8")
		} else {
			g.emit("VPSRLD $4, V8, V8")
		}
		g.bits("V8", left, "V13")
		g.emit("VPSUBD V15, V8, V8\nVCVTDQ2PS V8, V8")
		g.product("V8", 128*half+32*quarter+i, "V4", true)
		g.timesScale("VFMADD231PS", "V4", 16*r+8*half+2*quarter+i/16, fmt.Sprint("V", r))
	}
}
