package main

// sixBitScales leaves the eight scales of a block of Q4_K or Q5_K, times d, at 0(SP) and the
// eight minima, times dmin, at 32(SP): see tensor.scaleMin. Bits 6 and 7 of the first eight
// bytes are bits 4 and 5 of the last four of each.
const sixBitScales = `
	MOVL 4(SI), R9
	MOVL 8(SI), R10
	MOVL 12(SI), R11
	MOVL R9, AX
	ANDL $0x3f3f3f3f, AX
	MOVL R11, BX
	ANDL $0x0f0f0f0f, BX
	SHRL $2, R9
	ANDL $0x30303030, R9
	ORL R9, BX
	SHLQ $32, BX
	ORQ BX, AX
	VMOVQ AX, X8
	MOVL R10, AX
	ANDL $0x3f3f3f3f, AX
	SHRL $4, R11
	ANDL $0x0f0f0f0f, R11
	SHRL $2, R10
	ANDL $0x30303030, R10
	ORL R10, R11
	SHLQ $32, R11
	ORQ R11, AX
	VMOVQ AX, X9
	VPMOVZXBD X8, Y8
	VPMOVZXBD X9, Y9
	VCVTDQ2PS Y8, Y8
	VCVTDQ2PS Y9, Y9
	VCVTPH2PS (SI), X6
	VMOVSHDUP X6, X7
	VBROADCASTSS X6, Y6
	VBROADCASTSS X7, Y7
	VMULPS Y6, Y8, Y8
	VMULPS Y7, Y9, Y9
	VMOVUPS Y8, 0(SP)
	VMOVUPS Y9, 32(SP)`

// scaled adds V4 and V5, the lanes of Σ q·x over the two halves of 64 values from at on, with
// their scales to V0 and V1, and Σ x with their minima to V2.
func (g *gen) scaled(at int) {
	for half, sum := range []string{"V4", "V5"} {
		which := at/32 + half
		g.sumX(at + 32*half)
		g.emit("VBROADCASTSS %d(SP), V6\nVFMADD231PS V6, %s, V%d", 4*which, sum, half)
		g.emit("VBROADCASTSS %d(SP), V7\nVFNMADD231PS V7, V10, V2", 32+4*which)
	}
}

func dotsQ4K(g *gen) {
	g.nibbleTable(false)
	g.eachBlock(256, 144, func() {
		g.emit("%s", sixBitScales)
		for at := 0; at < 256; at += 64 {
			for i := 0; i < 32; i += g.lanes {
				g.nibbles(16+at/2+i, false)
				g.product("V8", at+i, "V4", i == 0)
				g.product("V9", at+32+i, "V5", i == 0)
			}
			g.scaled(at)
		}
	})
}

func dotsQ5K(g *gen) {
	g.emit("VMOVUPS [fifteen], V12\nVMOVUPS [sixteen], V13")
	g.eachBlock(256, 176, func() {
		g.emit("%s", sixBitScales)
		for at := 0; at < 256; at += 64 {
			for i := 0; i < 32; i += g.lanes {
				g.emit("VPMOVZXBD %d(SI), V11\nVPMOVZXBD %d(SI), V8\nVPSRLD $4, V8, V9\nVANDPS V12, V8, V8", 16+i, 48+at/2+i)
				g.bits("V8", 4-at/32, "V13")
				g.bits("V9", 3-at/32, "V13")
				g.emit("VCVTDQ2PS V8, V8\nVCVTDQ2PS V9, V9")
				g.product("V8", at+i, "V4", i == 0)
				g.product("V9", at+32+i, "V5", i == 0)
			}
			g.scaled(at)
		}
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

// dotsQ6K: the 16 scales, times d, are at 0(SP).
func dotsQ6K(g *gen) {
	g.emit("VMOVUPS [fifteen], V12\nVMOVUPS [fortyEight], V13\nVMOVUPS [thirtyTwo], V15")
	g.eachBlock(256, 210, func() {
		g.emit("VPBROADCASTW 208(SI), X6\nVCVTPH2PS X6, X6\nVBROADCASTSS X6, V6")
		for i := 0; i < 16; i += g.lanes {
			g.emit("VPMOVSXBD %d(SI), V8\nVCVTDQ2PS V8, V8\nVMULPS V6, V8, V8\nVMOVUPS V8, %d(SP)", 192+i, 4*i)
		}
		for half := range 2 {
			for i := 0; i < 32; i += g.lanes {
				g.sixBits(half, i)
			}
		}
	})
}

// sixBits adds the products of four vectors, 32 values apart, of a half of a block.
func (g *gen) sixBits(half, i int) {
	g.emit("VPMOVZXBD %d(SI), V11", 128+32*half+i)
	for quarter, left := range []int{4, 2, 0, -2} {
		g.emit("VPMOVZXBD %d(SI), V8", 64*half+32*(quarter%2)+i)
		if quarter < 2 {
			g.emit("VANDPS V12, V8, V8")
		} else {
			g.emit("VPSRLD $4, V8, V8")
		}
		g.bits("V8", left, "V13")
		g.emit("VPSUBD V15, V8, V8\nVCVTDQ2PS V8, V8")
		g.product("V8", 128*half+32*quarter+i, "V4", true)
		g.emit("VBROADCASTSS %d(SP), V6\nVFMADD231PS V6, V4, V%d", 4*(8*half+2*quarter+i/16), quarter)
	}
}
