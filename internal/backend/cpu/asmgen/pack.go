package main

// copyRows copies sixteen bytes a time: rows are 4 to 32 values; both instruction
// sets use it. Rows lie far apart, where the machine does not foresee the next: that
// after sixteen more is asked for ahead.
var copyRows = kernel{
	name: "copyRows", args: "dst []float32, width int, src []float32, lds, n int",
	body: func(g *gen) {
		g.emit(`
			MOVQ {dst_base}, DI
			MOVQ {width}, DX
			SHRQ $2, DX
			MOVQ {src_base}, SI
			MOVQ {lds}, BX
			SHLQ $2, BX
			MOVQ {n}, CX
			MOVQ BX, R10
			SHLQ $4, R10
			TESTQ CX, CX
			JZ done
			row:
			PREFETCHT0 (SI)(R10*1)
			PREFETCHT0 64(SI)(R10*1)
			MOVQ SI, R8
			MOVQ DX, R9
			part:
			VMOVUPS (R8), X0
			VMOVUPS X0, (DI)
			ADDQ $16, R8
			ADDQ $16, DI
			DECQ R9
			JNZ part
			ADDQ BX, SI
			DECQ CX
			JNZ row
			done:
			RET`)
	},
}

// transpose4 takes eight columns a turn; both instruction sets use it.
var transpose4 = kernel{
	name: "transpose4", args: "dst []float32, ldd int, src []float32, lds, n int",
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
			VMOVUPS (SI), Y0
			VMOVUPS (SI)(BX*1), Y1
			VMOVUPS (SI)(BX*2), Y2
			VMOVUPS (SI)(R9*1), Y3`)
		g.transpose8()
		g.emit(`
			ADDQ $32, SI
			SUBQ $8, CX
			JGE loop
			rest:
			ADDQ $8, CX
			JZ done
			last:
			VMOVSS (SI), X0
			VMOVSS (SI)(BX*1), X1
			VMOVSS (SI)(BX*2), X2
			VMOVSS (SI)(R9*1), X3
			VMOVSS X0, (DI)
			VMOVSS X1, 4(DI)
			VMOVSS X2, 8(DI)
			VMOVSS X3, 12(DI)
			ADDQ $4, SI
			ADDQ DX, DI
			DECQ CX
			JNZ last
			done:
			VZEROUPPER
			RET`)
	},
}

// transpose8 writes the eight columns of Y0 to Y3 to DI and moves it on; columns
// are DX bytes apart, R8 is three times DX.
func (g *gen) transpose8() {
	g.emit(`
		VUNPCKLPS Y1, Y0, Y4
		VUNPCKHPS Y1, Y0, Y5
		VUNPCKLPS Y3, Y2, Y6
		VUNPCKHPS Y3, Y2, Y7
		VUNPCKLPD Y6, Y4, Y0
		VUNPCKHPD Y6, Y4, Y1
		VUNPCKLPD Y7, Y5, Y2
		VUNPCKHPD Y7, Y5, Y3
		LEAQ (DI)(DX*4), R10
		VMOVUPS X0, (DI)
		VMOVUPS X1, (DI)(DX*1)
		VMOVUPS X2, (DI)(DX*2)
		VMOVUPS X3, (DI)(R8*1)
		VEXTRACTF128 $1, Y0, (R10)
		VEXTRACTF128 $1, Y1, (R10)(DX*1)
		VEXTRACTF128 $1, Y2, (R10)(DX*2)
		VEXTRACTF128 $1, Y3, (R10)(R8*1)
		LEAQ (DI)(DX*8), DI`)
}
