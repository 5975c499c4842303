package main

import (
	"fmt"
	"strings"
)

// amx are the kernels on AMX tiles of sixteen rows of 64 bytes, and those that pack for
// them by AVX-512 and AVX512_BF16.
var amx = []kernel{tilesBF16, rowsBF16, columnsBF16, tilesSplit, rowsSplit, columnsSplit, turn}

// tilesBF16 makes 32 x 32 values of c, four tiles, then the next to their right: a turn
// of the loop takes two tiles of a and two of b, 32 of the common dimension.
var tilesBF16 = kernel{
	name: "tilesBF16", args: "c []float32, ldc int, a, b []float32, k, n int, add bool", frame: 4160,
	body: func(g *gen) { g.tiles([]string{"00"}) },
}

// tilesSplit is tilesBF16 on values in three parts, 0 to 2, the least products first; those
// left out are below 2^-22 of the whole.
var tilesSplit = kernel{
	name: "tilesSplit", args: tilesBF16.args, frame: 4160,
	body: func(g *gen) { g.tiles([]string{"20", "11", "02", "01", "10", "00"}) },
}

// tiles is the kernel for blocks of parts, with these products of a part of a and one of b.
func (g *gen) tiles(products []string) {
	parts := int(products[0][0]-'0') + 1
	g.emit(`
		LEAQ [tileSizes], AX
		LDTILECFG (AX)
		MOVQ {c_base}, DI
		MOVQ {ldc}, SI
		SHLQ $2, SI
		MOVQ SI, DX
		SHLQ $4, DX
		ADDQ DI, DX
		MOVQ {b_base}, R9
		MOVQ {n}, R12
		MOVQ $64, R10
		MOVQ $128, R11
		LEAQ scratch-4160(SP), R13
		ADDQ $63, R13
		ANDQ $-64, R13
		next:
		MOVQ {a_base}, R8
		MOVQ {k}, CX
		TILEZERO T0
		TILEZERO T1
		TILEZERO T2
		TILEZERO T3
		SUBQ $%d, CX
		JLT store
		loop:`, 16*parts)
	held := "--"
	for _, p := range products {
		a, b := 2048*int(p[0]-'0'), 2048*int(p[1]-'0')
		if p[0] != held[0] {
			g.emit("TILELOADD %d(R8)(R10*1), T4", a)
		}
		if p[1] != held[1] {
			g.emit("TILELOADD %d(R9)(R11*1), T6", b)
		}
		g.emit("TDPBF16PS T6, T4, T0")
		if p[1] != held[1] {
			g.emit("TILELOADD %d(R9)(R11*1), T7", b+64)
		}
		g.emit("TDPBF16PS T7, T4, T1")
		if p[0] != held[0] {
			g.emit("TILELOADD %d(R8)(R10*1), T5", a+1024)
		}
		g.emit("TDPBF16PS T6, T5, T2\nTDPBF16PS T7, T5, T3")
		held = p
	}
	g.emit(`
		ADDQ $%d, R8
		ADDQ $%d, R9
		SUBQ $%d, CX
		JGE loop
		store:
		MOVBLZX {add}, AX
		TESTL AX, AX
		JNZ sum
		TILESTORED T0, (DI)(SI*1)
		TILESTORED T1, 64(DI)(SI*1)
		TILESTORED T2, (DX)(SI*1)
		TILESTORED T3, 64(DX)(SI*1)
		done:
		ADDQ $128, DI
		ADDQ $128, DX
		DECQ R12
		JNZ next
		TILERELEASE
		RET
		sum:
		TILESTORED T0, (R13)(R11*1)
		TILESTORED T1, 64(R13)(R11*1)
		TILESTORED T2, 2048(R13)(R11*1)
		TILESTORED T3, 2112(R13)(R11*1)
		MOVQ R13, R8
		MOVQ DI, AX
		MOVQ $32, CX
		row:
		VMOVUPS (R8), Z0
		VMOVUPS 64(R8), Z1
		VADDPS (AX), Z0, Z0
		VADDPS 64(AX), Z1, Z1
		VMOVUPS Z0, (AX)
		VMOVUPS Z1, 64(AX)
		ADDQ $128, R8
		ADDQ SI, AX
		DECQ CX
		JNZ row
		JMP done`, 2048*parts, 2048*parts, 16*parts)
}

// rowsBF16 takes a row after the other, 32 of its values a turn.
var rowsBF16 = kernel{
	name: "rowsBF16", args: "dst, src []float32, lds, rows, depth int",
	body: func(g *gen) {
		g.rows("", `
			VCVTNE2PS2BF16 Z0, Z1, Z0
			VMOVUPS Z0, (R10)
			ADDQ $2048, R10`)
	},
}

// rowsSplit is rowsBF16 in three parts.
var rowsSplit = kernel{
	name: "rowsSplit", args: rowsBF16.args,
	body: func(g *gen) {
		g.rows(`
			VMOVUPS [upper], Z6
			VMOVUPS [oddWords], Z4`, `
			VMOVAPS Z4, Z2
			VPERMI2W Z1, Z0, Z2
			VMOVUPS Z2, (R10)
			`+rest(0)+rest(1)+`
			VMOVAPS Z4, Z2
			VPERMI2W Z1, Z0, Z2
			VMOVUPS Z2, 2048(R10)
			`+rest(0)+rest(1)+`
			VMOVAPS Z4, Z2
			VPERMI2W Z1, Z0, Z2
			VMOVUPS Z2, 4096(R10)
			ADDQ $6144, R10`)
	},
}

// rest takes from a register the part of its values that bf16 holds, cut off, using Z5.
func rest(reg int) string {
	return fmt.Sprintf("VPANDD Z%d, Z6, Z5\nVSUBPS Z5, Z%d, Z%d\n", reg, reg, reg)
}

// rows runs text on 32 values of a row, in Z0 and Z1, to write them at R10 and move it on.
func (g *gen) rows(first, text string) {
	g.emit(`
		MOVQ {dst_base}, DI
		MOVQ {src_base}, SI
		MOVQ {lds}, BX
		SHLQ $2, BX
		MOVQ {rows}, DX
		MOVQ {depth}, R8
		MOVQ R8, CX`)
	g.masks32()
	g.emit("%s", first+`
		ANDQ $31, R8
		row:
		MOVQ SI, R9
		MOVQ DI, R10
		MOVQ {depth}, CX
		SHRQ $5, CX
		JZ rest
		block:
		VMOVUPS (R9), Z0
		VMOVUPS 64(R9), Z1`+text+`
		ADDQ $128, R9
		DECQ CX
		JNZ block
		rest:
		TESTQ R8, R8
		JZ done
		VMOVUPS.Z (R9), K1, Z0
		VMOVUPS.Z 64(R9), K2, Z1`+text+`
		done:
		ADDQ BX, SI
		ADDQ $64, DI
		DECQ DX
		JNZ row
		VZEROUPPER
		RET`)
}

// masks32 gives K1 and K2 the lower CX & 31 bits of 32.
func (g *gen) masks32() {
	g.emit(`
		MOVL $1, AX
		SHLL CX, AX
		DECL AX
		KMOVW AX, K1
		SHRL $16, AX
		KMOVW AX, K2`)
}

// columnsBF16 takes two of the common dimension a turn.
var columnsBF16 = kernel{
	name: "columnsBF16", args: rowsBF16.args,
	body: func(g *gen) {
		g.columns("VMOVUPS [interleave], Z4", `
			VCVTNE2PS2BF16 Z0, Z2, Z0
			VCVTNE2PS2BF16 Z1, Z3, Z1
			VPERMW Z0, Z4, Z0
			VPERMW Z1, Z4, Z1
			VMOVUPS Z0, (DI)
			VMOVUPS Z1, 64(DI)`, 1)
	},
}

// columnsSplit is columnsBF16 in three parts.
var columnsSplit = kernel{
	name: "columnsSplit", args: rowsBF16.args,
	body: func(g *gen) {
		part := func(offset int) string {
			return fmt.Sprintf(`
			VMOVAPS Z4, Z7
			VPERMI2W Z2, Z0, Z7
			VMOVUPS Z7, %d(DI)
			VMOVAPS Z4, Z7
			VPERMI2W Z3, Z1, Z7
			VMOVUPS Z7, %d(DI)
			`, offset, offset+64)
		}
		next := rest(0) + rest(1) + rest(2) + rest(3)
		g.columns("VMOVUPS [upper], Z6\nVMOVUPS [interleaveOdd], Z4", part(0)+next+part(2048)+next+part(4096), 3)
	},
}

// columns runs text on 32 rows of two of the common dimension, in Z0 and Z1 and in Z2 and
// Z3, to write them at DI. They lie far apart: those of eight turns later are asked for
// ahead. Behind the pairs of a block DI moves on to the next.
func (g *gen) columns(first, text string, parts int) {
	pairs := text + fmt.Sprintf(`
		ADDQ $128, DI
		INCQ R8
		TESTQ $15, R8
		JNZ LABEL
		ADDQ $%d, DI
		LABEL:`, 2048*(parts-1))
	at := func(label string) string { return strings.ReplaceAll(pairs, "LABEL", label) }
	g.emit(`
		MOVQ {dst_base}, DI
		MOVQ {src_base}, SI
		MOVQ {lds}, BX
		SHLQ $2, BX
		XORL R8, R8
		MOVQ {rows}, CX
		CMPQ CX, $32
		JNE part
		MOVL $0xFFFF, AX
		KMOVW AX, K1
		KMOVW AX, K2
		JMP masked
		part:`)
	g.masks32()
	g.emit("%s", `
		masked:
		`+first+`
		MOVQ BX, R10
		SHLQ $4, R10
		MOVQ {depth}, CX
		SUBQ $2, CX
		JLT rest
		pair:
		LEAQ (SI)(R10*1), R11
		PREFETCHT0 (R11)
		PREFETCHT0 64(R11)
		PREFETCHT0 (R11)(BX*1)
		PREFETCHT0 64(R11)(BX*1)
		VMOVUPS.Z (SI), K1, Z0
		VMOVUPS.Z 64(SI), K2, Z1
		VMOVUPS.Z (SI)(BX*1), K1, Z2
		VMOVUPS.Z 64(SI)(BX*1), K2, Z3`+at("same")+`
		LEAQ (SI)(BX*2), SI
		SUBQ $2, CX
		JGE pair
		rest:
		ADDQ $2, CX
		JZ zeros
		VMOVUPS.Z (SI), K1, Z0
		VMOVUPS.Z 64(SI), K2, Z1
		VXORPS Z2, Z2, Z2
		VXORPS Z3, Z3, Z3`+at("zeros")+`
		VXORPS Z2, Z2, Z2
		zero:
		TESTQ $15, R8
		JZ done`)
	for p := range parts {
		g.emit("VMOVUPS Z2, %d(DI)\nVMOVUPS Z2, %d(DI)", 2048*p, 2048*p+64)
	}
	g.emit(`
		ADDQ $128, DI
		INCQ R8
		JMP zero
		done:
		VZEROUPPER
		RET`)
}

// turn exchanges the rows and columns of a square of sixteen: within 128 bits, then the
// parts of 128 bits.
var turn = kernel{
	name: "turn", args: "dst []float32, ldd int, src []float32, lds int",
	body: func(g *gen) {
		g.emit(`
			MOVQ {dst_base}, DI
			MOVQ {ldd}, DX
			SHLQ $2, DX
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX`)
		for i := range 16 {
			g.emit("VMOVUPS (SI), Z%d\nADDQ BX, SI", i)
		}
		for i := 0; i < 16; i += 2 {
			g.emit("VUNPCKLPS Z%d, Z%d, Z%d", i+1, i, 16+i)
			g.emit("VUNPCKHPS Z%d, Z%d, Z%d", i+1, i, 17+i)
		}
		for i := 0; i < 16; i += 4 {
			for c := range 4 {
				low := 16 + i + c/2
				g.emit("VUNPCK%sPD Z%d, Z%d, Z%d", []string{"L", "H"}[c%2], low+2, low, i+c)
			}
		}
		for c := range 4 { // Zc, Z(c+4) and so on hold columns c, c+4, c+8, c+12 of four rows each
			even, odd := "$0x88", "$0xDD"
			shuffle := func(which string, x, y, to int) string {
				return fmt.Sprintf("VSHUFF32X4 %s, Z%d, Z%d, Z%d", which, y, x, to)
			}
			a := 16 + 4*c
			g.emit("%s", shuffle(even, c, c+4, a))
			g.emit("%s", shuffle(even, c+8, c+12, a+1))
			g.emit("%s", shuffle(odd, c, c+4, a+2))
			g.emit("%s", shuffle(odd, c+8, c+12, a+3))
			g.emit("%s", shuffle(even, a, a+1, c))
			g.emit("%s", shuffle(even, a+2, a+3, c+4))
			g.emit("%s", shuffle(odd, a, a+1, c+8))
			g.emit("%s", shuffle(odd, a+2, a+3, c+12))
		}
		for i := range 16 {
			g.emit("VMOVUPS Z%d, (DI)\nADDQ DX, DI", i)
		}
		g.emit("VZEROUPPER\nRET")
	},
}
