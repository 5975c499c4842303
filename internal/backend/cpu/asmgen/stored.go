package main

import "fmt"

// storedDots multiply a vector with rows of a matrix in the type they are stored in: out[r]
// = Σ x·w over row r, for len(out) rows of len(x) values one behind the other. Layouts are
// those of internal/tensor.
var storedDots = []kernel{
	{name: "dotsF32", args: storedArgs, body: func(g *gen) {
		g.plainRows(4, "VMOVUPS %d(SI), %s", "VMOVSS (SI), X5")
	}},
	{name: "dotsF16", args: storedArgs, body: func(g *gen) {
		g.plainRows(2, "VCVTPH2PS %d(SI), %s", "VPBROADCASTW (SI), X5\nVCVTPH2PS X5, X5")
	}},
	{name: "dotsBF16", args: storedArgs, body: func(g *gen) {
		g.plainRows(2, "VPMOVZXWD %[1]d(SI), %[2]s\nVPSLLD $16, %[2]s, %[2]s", "MOVWLZX (SI), AX\nSHLL $16, AX\nVMOVD AX, X5")
	}},
	{name: "dotsQ8_0", args: storedArgs, body: dotsQ8},
	{name: "dotsQ4_0", args: storedArgs, body: dotsQ4},
	{name: "dotsQ4_1", args: storedArgs, body: dotsQ4Least},
	{name: "dotsQ4_K", args: storedArgs, frame: 64, body: dotsQ4K},
	{name: "dotsQ5_K", args: storedArgs, frame: 64, body: dotsQ5K},
	{name: "dotsQ6_K", args: storedArgs, frame: 64, body: dotsQ6K},
}

const storedArgs = "out, x []float32, w []byte"

// eachRow runs text for each row: x at DX, w at SI, R8 values left; it sums up in V0 to V3
// and moves SI behind the row.
func (g *gen) eachRow(text func()) {
	g.emit(`
		MOVQ {out_base}, DI
		MOVQ {out_len}, CX
		MOVQ {w_base}, SI
		TESTQ CX, CX
		JZ done
		row:
		MOVQ {x_base}, DX
		MOVQ {x_len}, R8
		VXORPS V0, V0, V0
		VXORPS V1, V1, V1
		VXORPS V2, V2, V2
		VXORPS V3, V3, V3`)
	text()
	g.emit("VADDPS V1, V0, V0\nVADDPS V3, V2, V2\nVADDPS V2, V0, V0")
	g.emit("%s", g.fold("VADDPS"))
	g.emit("VMOVSS X0, (DI)\nADDQ $4, DI\nDECQ CX\nJNZ row\ndone:\nVZEROUPPER\nRET")
}

// ahead is how far before it is needed w is asked for, in bytes: matrices come from memory,
// and the machine by itself asks for too few lines at once.
const ahead = 4096

// prefetch asks for so many bytes of what comes then.
func (g *gen) prefetch(bytes int) {
	for at := 0; at < bytes; at += 64 {
		g.emit("PREFETCHT0 %d(SI)", ahead+at)
	}
}

// plainRows are rows of values of so many bytes each: load brings a vector of them, one a single value to X5.
func (g *gen) plainRows(bytes int, load, one string) {
	g.eachRow(func() {
		g.emit("VXORPS V4, V4, V4\nSUBQ $%d, R8\nJLT rest\nfour:", 4*g.lanes)
		for i := range 4 {
			g.plain(bytes, i, load)
		}
		g.prefetch(4 * g.lanes * bytes)
		g.emit("ADDQ $%d, SI\nADDQ $%d, DX\nSUBQ $%d, R8\nJGE four", 4*g.lanes*bytes, 16*g.lanes, 4*g.lanes)
		g.emit("rest:\nADDQ $%d, R8\nvector:\nSUBQ $%d, R8\nJLT ones", 4*g.lanes, g.lanes)
		g.plain(bytes, 0, load)
		g.emit("ADDQ $%d, SI\nADDQ $%d, DX\nJMP vector\nones:\nADDQ $%d, R8\nJZ sum\none:", g.lanes*bytes, 4*g.lanes, g.lanes)
		g.emit("%s", one)
		g.emit("VMOVSS (DX), X6\nVFMADD231SS X6, X5, X4\nADDQ $%d, SI\nADDQ $4, DX\nDECQ R8\nJNZ one\nsum:\nVADDPS V4, V1, V1", bytes)
	})
}

// plain adds the products of vector i from here to V(i).
func (g *gen) plain(bytes, i int, load string) {
	at := i * g.lanes
	g.emit("%s", fmt.Sprintf(load, at*bytes, fmt.Sprint("V", 5+i)))
	g.emit("VFMADD231PS %d(DX), V%d, V%d", 4*at, 5+i, i)
}

// eachBlock runs text for each block of a row.
func (g *gen) eachBlock(values, bytes int, text func()) {
	g.eachRow(func() {
		g.emit("block:")
		text()
		g.prefetch(bytes)
		g.emit("ADDQ $%d, SI\nADDQ $%d, DX\nSUBQ $%d, R8\nJG block", bytes, 4*values, values)
	})
}

// product adds quants times the x from value at on to sum, or makes it that.
func (g *gen) product(quants string, at int, sum string, begin bool) {
	if begin {
		g.emit("VMULPS %d(DX), %s, %s", 4*at, quants, sum)
		return
	}
	g.emit("VFMADD231PS %d(DX), %s, %s", 4*at, quants, sum)
}

// scale is the half of a block that starts eight bytes or more, in every lane of V6, and the next one in V7.
const scale = `
	VCVTPH2PS (SI), X6
	VMOVSHDUP X6, X7
	VBROADCASTSS X6, V6
	VBROADCASTSS X7, V7`

func dotsQ8(g *gen) {
	g.eachBlock(32, 34, func() {
		g.emit("VCVTPH2PS (SI), X6\nVBROADCASTSS X6, V6")
		for at := 0; at < 32; at += g.lanes {
			g.emit("VPMOVSXBD %d(SI), V8\nVCVTDQ2PS V8, V8", 2+at)
			g.product("V8", at, "V4", at == 0)
		}
		g.emit("VFMADD231PS V6, V4, V0")
	})
}

// nibbleTable readies nibbles: AVX-512 looks up the values of quants, less 8 if signed, in V12.
func (g *gen) nibbleTable(signed bool) {
	switch {
	case g.isa == avx512 && signed:
		g.emit("VMOVUPS [signedNibbles], V12")
	case g.isa == avx512:
		g.emit("VMOVUPS [nibbles], V12")
	default:
		g.emit("VMOVUPS [fifteen], V12\nVMOVUPS [eight], V13")
	}
}

// nibbles makes V8 the low and V9 the high quants of the bytes there, as float32.
func (g *gen) nibbles(at int, signed bool) {
	g.emit("VPMOVZXBD %d(SI), V8", at)
	if g.isa == avx512 {
		g.emit("VPSRLD $4, V8, V9\nVPERMPS V12, V8, V8\nVPERMPS V12, V9, V9")
		return
	}
	g.emit("VPSRLD $4, V8, V9\nVPAND V12, V8, V8")
	if signed {
		g.emit("VPSUBD V13, V8, V8\nVPSUBD V13, V9, V9")
	}
	g.emit("VCVTDQ2PS V8, V8\nVCVTDQ2PS V9, V9")
}

// nibbleBlock makes V4 the lanes of Σ q·x over 32 values of a block whose quants are there.
func (g *gen) nibbleBlock(at int, signed bool) {
	for i := 0; i < 16; i += g.lanes {
		g.nibbles(at+i, signed)
		g.product("V8", i, "V4", i == 0)
		g.product("V9", 16+i, "V4", false)
	}
}

func dotsQ4(g *gen) {
	g.nibbleTable(true)
	g.eachBlock(32, 18, func() {
		g.emit("VCVTPH2PS (SI), X6\nVBROADCASTSS X6, V6")
		g.nibbleBlock(2, true)
		g.emit("VFMADD231PS V6, V4, V0")
	})
}

func dotsQ4Least(g *gen) {
	g.nibbleTable(false)
	g.eachBlock(32, 20, func() {
		g.emit("%s", scale)
		g.nibbleBlock(4, false)
		g.sumX(0)
		g.emit("VFMADD231PS V6, V4, V0\nVFMADD231PS V7, V10, V1")
	})
}

// sumX makes V10 the lanes of Σ x over 32 values from there on.
func (g *gen) sumX(at int) {
	g.emit("VMOVUPS %d(DX), V10", 4*at)
	for i := g.lanes; i < 32; i += g.lanes {
		g.emit("VADDPS %d(DX), V10, V10", 4*(at+i))
	}
}
