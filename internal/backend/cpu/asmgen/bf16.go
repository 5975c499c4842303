package main

// bf16 are the kernels on pairs of bf16, for AVX-512 with AVX512_BF16.
var bf16 = []kernel{gemmPairs, pairs4, pairRows}

// gemmPairs is gemm on pairs: as many instructions, twice the products.
var gemmPairs = kernel{
	name: "gemmPairs", args: gemm.args,
	body: func(g *gen) { g.gemm("VDPBF16PS") },
}

// pairs4 takes eight pairs of each row a turn: two rows to a register, then
// transpose4 of pairs.
var pairs4 = kernel{
	name: "pairs4", args: "dst []float32, ldd int, src []float32, lds, n int",
	body: func(g *gen) {
		g.emit(`
			MOVQ {dst_base}, DI
			MOVQ {ldd}, DX
			SHLQ $2, DX
			LEAQ (DX)(DX*2), R8
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX
			LEAQ (BX)(BX*2), R9
			MOVQ {n}, CX
			SUBQ $8, CX
			JLT rest
			loop:
			VMOVUPS (SI), Z0
			VMOVUPS (SI)(BX*1), Z1
			VMOVUPS (SI)(BX*2), Z2
			VMOVUPS (SI)(R9*1), Z3
			VCVTNE2PS2BF16 Z0, Z1, Z0
			VCVTNE2PS2BF16 Z2, Z3, Z2
			VEXTRACTF64X4 $1, Z0, Y1
			VEXTRACTF64X4 $1, Z2, Y3`)
		g.transpose8()
		g.emit(`
			ADDQ $64, SI
			SUBQ $8, CX
			JGE loop
			rest:
			ADDQ $8, CX
			JZ done
			last:
			VMOVSD (SI), X0
			VMOVHPS (SI)(BX*1), X0, X0
			VMOVSD (SI)(BX*2), X1
			VMOVHPS (SI)(R9*1), X1, X1
			VINSERTF128 $1, X1, Y0, Y0
			VCVTNE2PS2BF16 Z0, Z0, Z0
			VMOVUPS X0, (DI)
			ADDQ $8, SI
			ADDQ DX, DI
			DECQ CX
			JNZ last
			done:
			VZEROUPPER
			RET`)
	},
}

// pairRows takes sixteen pairs at a time, the last of a row masked.
var pairRows = kernel{
	name: "pairRows", args: copyRows.args,
	body: func(g *gen) {
		pair := `
			VCVTNE2PS2BF16 Z0, Z1, Z0
			VPERMW Z0, Z3, Z0`
		g.emit("%s", `
			VMOVUPS [interleave], Z3
			MOVQ {width}, CX
			ANDQ $15, CX
			MOVL $1, AX
			SHLL CX, AX
			DECL AX
			KMOVW AX, K1
			MOVQ {dst_base}, DI
			MOVQ {width}, DX
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX
			MOVQ {n}, CX
			MOVQ BX, R10
			SHLQ $4, R10
			TESTQ CX, CX
			JZ done
			row:
			LEAQ (SI)(R10*1), R11
			PREFETCHT0 (R11)
			PREFETCHT0 64(R11)
			PREFETCHT0 (R11)(BX*1)
			PREFETCHT0 64(R11)(BX*1)
			MOVQ SI, R8
			MOVQ DX, R9
			SUBQ $16, R9
			JLT rest
			part:
			VMOVUPS (R8), Z0
			VMOVUPS (R8)(BX*1), Z1`+pair+`
			VMOVUPS Z0, (DI)
			ADDQ $64, R8
			ADDQ $64, DI
			SUBQ $16, R9
			JGE part
			rest:
			ADDQ $16, R9
			JZ next
			VMOVUPS.Z (R8), K1, Z0
			VMOVUPS.Z (R8)(BX*1), K1, Z1`+pair+`
			VMOVUPS Z0, K1, (DI)
			LEAQ (DI)(R9*4), DI
			next:
			LEAQ (SI)(BX*2), SI
			DECQ CX
			JNZ row
			done:
			VZEROUPPER
			RET`)
	},
}
