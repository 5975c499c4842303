package main

import (
	"fmt"
	"math/bits"
)

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
	{name: "dotsQ4_K", args: storedArgs, frame: 64 * rowsAtOnce, body: dotsQ4K},
	{name: "dotsQ5_K", args: storedArgs, frame: 64 * rowsAtOnce, body: dotsQ5K},
	{name: "dotsQ6_K", args: storedArgs, frame: 64 * rowsAtOnce, body: dotsQ6K},
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

// rowsAtOnce is how many rows of blocks share the loads of x: the sums of one wait for each
// other, those of several do not.
const rowsAtOnce = 4

// blockRows multiplies rows of blocks, several at once and then one at a time: text adds the
// products of a block, of row r at g.row(r, 0), with x at DX to V(r) for r < rows. A row's sum
// is the same either way.
func (g *gen) blockRows(values, bytes int, text func(rows int)) {
	g.emit(`
		MOVQ {out_base}, DI
		MOVQ {out_len}, CX
		MOVQ {w_base}, SI
		MOVQ {x_len}, R9
		SHRQ $%d, R9
		IMULQ $%d, R9
		LEAQ (R9)(R9*2), R10
		XORQ R11, R11
		far:
		LEAQ (R11)(R9*%d), R11
		CMPQ R11, $%d
		JLT far`, bits.Len(uint(values))-1, bytes, rowsAtOnce, ahead)
	for _, rows := range []int{rowsAtOnce, 1} {
		g.emit("rows%[1]d:\nSUBQ $%[1]d, CX\nJLT end%[1]d\nMOVQ {x_base}, DX\nMOVQ {x_len}, R8\nLEAQ (SI)(R11*1), R12", rows)
		for r := range rows {
			g.emit("VXORPS V%[1]d, V%[1]d, V%[1]d", r)
		}
		g.emit("block%d:", rows)
		text(rows)
		for r := range rows {
			for at := 0; at < bytes; at += 64 {
				g.emit("PREFETCHT0 %s", rowOf("R12", r, at))
			}
		}
		g.emit("ADDQ $%[1]d, SI\nADDQ $%[1]d, R12\nADDQ $%[2]d, DX\nSUBQ $%[3]d, R8\nJG block%[4]d", bytes, 4*values, values, rows)
		for r := range rows {
			g.emit("%s\nVMOVSS X%d, %d(DI)", g.foldOf("VADDPS", r, 4), r, 4*r)
		}
		if rows > 1 {
			g.emit("ADDQ R10, SI")
		}
		g.emit("ADDQ $%[1]d, DI\nJMP rows%[2]d\nend%[2]d:\nADDQ $%[2]d, CX", 4*rows, rows)
	}
	g.emit("VZEROUPPER\nRET")
}

// row is the address of byte at of the block at hand of row r.
func row(r, at int) string { return rowOf("SI", r, at) }

// rowOf is row from another pointer on: R9 bytes are a row, R10 three.
func rowOf(pointer string, r, at int) string {
	return fmt.Sprintf("%d(%s)", at, pointer) + []string{"", "(R9*1)", "(R9*2)", "(R10*1)"}[r]
}

// loadX brings n values of x from value at on to where x finds them: AVX-512 has registers for that, which
// all rows use.
func (g *gen) loadX(at, n int) {
	for i := 0; i < n && g.isa == avx512; i += g.lanes {
		g.emit("VMOVUPS %d(DX), %s", 4*(at+i), g.x(at+i))
	}
}

// x is the vector of x from value at on.
func (g *gen) x(at int) string {
	if g.isa == avx512 {
		return fmt.Sprint("V", 16+at/g.lanes%8)
	}
	return fmt.Sprintf("%d(DX)", 4*at)
}

// product adds quants times the x from value at on to sum, or makes it that.
func (g *gen) product(quants string, at int, sum string, begin bool) {
	if begin {
		g.emit("VMULPS %s, %s, %s", g.x(at), quants, sum)
		return
	}
	g.emit("VFMADD231PS %s, %s, %s", g.x(at), quants, sum)
}

// scale is the half at an address, which eight bytes or more follow, in every lane of V6, and the next one in V7.
func (g *gen) scale(address string) {
	g.emit("VCVTPH2PS %s, X6\nVMOVSHDUP X6, X7\nVBROADCASTSS X6, V6\nVBROADCASTSS X7, V7", address)
}

func dotsQ8(g *gen) {
	g.blockRows(32, 34, func(rows int) {
		g.loadX(0, 32)
		for r := range rows {
			g.emit("VCVTPH2PS %s, X6\nVBROADCASTSS X6, V6", row(r, 0))
			for at := 0; at < 32; at += g.lanes {
				g.emit("VPMOVSXBD %s, V8\nVCVTDQ2PS V8, V8", row(r, 2+at))
				g.product("V8", at, "V4", at == 0)
			}
			g.emit("VFMADD231PS V6, V4, V%d", r)
		}
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

// nibbles makes V8 the low and V9 the high quants of the bytes at an address, as float32.
func (g *gen) nibbles(address string, signed bool) {
	g.emit("VPMOVZXBD %s, V8\nVPSRLD $4, V8, V9", address)
	if g.isa == avx512 {
		g.emit("VPERMPS V12, V8, V8\nVPERMPS V12, V9, V9")
		return
	}
	g.emit("VPAND V12, V8, V8")
	if signed {
		g.emit("VPSUBD V13, V8, V8\nVPSUBD V13, V9, V9")
	}
	g.emit("VCVTDQ2PS V8, V8\nVCVTDQ2PS V9, V9")
}

// nibbleBlock makes V4 the lanes of Σ q·x over 32 values of a block of row r whose quants are there.
func (g *gen) nibbleBlock(r, at int, signed bool) {
	for i := 0; i < 16; i += g.lanes {
		g.nibbles(row(r, at+i), signed)
		g.product("V8", i, "V4", i == 0)
		g.product("V9", 16+i, "V4", false)
	}
}

func dotsQ4(g *gen) {
	g.nibbleTable(true)
	g.blockRows(32, 18, func(rows int) {
		g.loadX(0, 32)
		for r := range rows {
			g.emit("VCVTPH2PS %s, X6\nVBROADCASTSS X6, V6", row(r, 0))
			g.nibbleBlock(r, 2, true)
			g.emit("VFMADD231PS V6, V4, V%d", r)
		}
	})
}

func dotsQ4Least(g *gen) {
	g.nibbleTable(false)
	g.blockRows(32, 20, func(rows int) {
		g.loadX(0, 32)
		g.sumX(0, "V10")
		for r := range rows {
			g.scale(row(r, 0))
			g.nibbleBlock(r, 4, false)
			g.emit("VFMADD231PS V6, V4, V%[1]d\nVFMADD231PS V7, V10, V%[1]d", r)
		}
	})
}

// sumX makes sum the lanes of Σ x over 32 values from there on.
func (g *gen) sumX(at int, sum string) {
	g.emit("VMOVUPS %s, %s", g.x(at), sum)
	for i := g.lanes; i < 32; i += g.lanes {
		g.emit("VADDPS %s, %[2]s, %[2]s", g.x(at+i), sum)
	}
}
