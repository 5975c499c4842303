package main

import "fmt"

// amx are the kernels on AMX tiles of sixteen rows of 64 bytes, and those that pack for
// them by AVX-512 and AVX512_BF16.
var amx = []kernel{tilesBF16, rowsBF16, columnsBF16, turn}

// tilesBF16 makes 32 x 32 values of c, four tiles, then the next to their right: a turn
// of the loop takes two tiles of a and two of b, 32 of the common dimension.
var tilesBF16 = kernel{
	name: "tilesBF16", args: "c []float32, ldc int, a, b []float32, k, n int, add bool",
	body: func(g *gen) {
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
			next:
			MOVQ {a_base}, R8
			MOVQ {k}, CX
			MOVBLZX {add}, AX
			TESTL AX, AX
			JZ clear
			TILELOADD (DI)(SI*1), T0
			TILELOADD 64(DI)(SI*1), T1
			TILELOADD (DX)(SI*1), T2
			TILELOADD 64(DX)(SI*1), T3
			JMP begin
			clear:
			TILEZERO T0
			TILEZERO T1
			TILEZERO T2
			TILEZERO T3
			begin:
			SUBQ $16, CX
			JLT store
			loop:
			TILELOADD (R8)(R10*1), T4
			TILELOADD (R9)(R11*1), T6
			TDPBF16PS T6, T4, T0
			TILELOADD 64(R9)(R11*1), T7
			TDPBF16PS T7, T4, T1
			TILELOADD 1024(R8)(R10*1), T5
			TDPBF16PS T6, T5, T2
			TDPBF16PS T7, T5, T3
			ADDQ $2048, R8
			ADDQ $2048, R9
			SUBQ $16, CX
			JGE loop
			store:
			TILESTORED T0, (DI)(SI*1)
			TILESTORED T1, 64(DI)(SI*1)
			TILESTORED T2, (DX)(SI*1)
			TILESTORED T3, 64(DX)(SI*1)
			ADDQ $128, DI
			ADDQ $128, DX
			DECQ R12
			JNZ next
			TILERELEASE
			RET`)
	},
}

// rowsBF16 takes a row after the other, 32 of its values a turn.
var rowsBF16 = kernel{
	name: "rowsBF16", args: "dst, src []float32, lds, rows, depth int",
	body: func(g *gen) {
		pairs := `
			VCVTNE2PS2BF16 Z0, Z1, Z0
			VMOVUPS Z0, (R10)`
		g.emit("%s", `
			MOVQ {dst_base}, DI
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX
			MOVQ {rows}, DX
			MOVQ {depth}, R8
			MOVQ R8, CX`)
		g.masks32()
		g.emit("%s", `
			ANDQ $31, R8
			row:
			MOVQ SI, R9
			MOVQ DI, R10
			MOVQ {depth}, CX
			SHRQ $5, CX
			JZ rest
			block:
			VMOVUPS (R9), Z0
			VMOVUPS 64(R9), Z1`+pairs+`
			ADDQ $128, R9
			ADDQ $2048, R10
			DECQ CX
			JNZ block
			rest:
			TESTQ R8, R8
			JZ done
			VMOVUPS.Z (R9), K1, Z0
			VMOVUPS.Z 64(R9), K2, Z1`+pairs+`
			done:
			ADDQ BX, SI
			ADDQ $64, DI
			DECQ DX
			JNZ row
			VZEROUPPER
			RET`)
	},
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

// columnsBF16 takes two of the common dimension a turn, which lie far apart, and asks for
// those of eight turns later.
var columnsBF16 = kernel{
	name: "columnsBF16", args: rowsBF16.args,
	body: func(g *gen) {
		g.emit(`
			MOVQ {dst_base}, DI
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX
			MOVQ {rows}, CX
			CMPQ CX, $32
			JNE part
			MOVL $0xFFFF, AX
			KMOVW AX, K1
			KMOVW AX, K2
			JMP masked
			part:`)
		g.masks32()
		pairs := `
			VCVTNE2PS2BF16 Z0, Z2, Z0
			VCVTNE2PS2BF16 Z1, Z3, Z1
			VPERMW Z0, Z4, Z0
			VPERMW Z1, Z4, Z1
			VMOVUPS Z0, (DI)
			VMOVUPS Z1, 64(DI)
			ADDQ $128, DI`
		g.emit("%s", `
			masked:
			VMOVUPS [interleave], Z4
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
			VMOVUPS.Z 64(SI)(BX*1), K2, Z3`+pairs+`
			LEAQ (SI)(BX*2), SI
			SUBQ $2, CX
			JGE pair
			rest:
			VXORPS Z2, Z2, Z2
			VXORPS Z3, Z3, Z3
			ADDQ $2, CX
			JZ whole
			VMOVUPS.Z (SI), K1, Z0
			VMOVUPS.Z 64(SI), K2, Z1`+pairs+`
			whole:
			MOVQ {depth}, CX
			INCQ CX
			SHRQ $1, CX
			NEGQ CX
			ANDQ $15, CX
			JZ done
			zero:
			VMOVUPS Z2, (DI)
			VMOVUPS Z2, 64(DI)
			ADDQ $128, DI
			DECQ CX
			JNZ zero
			done:
			VZEROUPPER
			RET`)
	},
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
