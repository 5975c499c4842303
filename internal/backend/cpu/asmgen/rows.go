package main

// rowsAhead is how far before they are needed rows that lie apart are asked for: the machine by itself
// asks for what follows a row.
const rowsAhead = 8

// dotRows makes each product as dot does, to the bit.
var dotRows = kernel{
	name: "dotRows", args: "out, x, rows []float32, stride int",
	body: func(g *gen) {
		sum := `
			load x V1
			load rows V2
			VFMADD231PS V1, V2, V0`
		asked := sum + "\nPREFETCHT0 (R12)(AX*4)"
		g.emit(`
			MOVQ {out_base}, DI
			MOVQ {out_len}, R10
			MOVQ {rows_base}, DX
			MOVQ {stride}, R11
			SHLQ $2, R11
			TESTQ R10, R10
			JZ end
			row:
			MOVQ {x_base}, SI
			MOVQ {x_len}, CX
			XORQ AX, AX
			VXORPS V0, V0, V0
			VXORPS V4, V4, V4
			VXORPS V8, V8, V8
			VXORPS V12, V12, V12
			LEAQ (DX)(R11*%d), R12`, rowsAhead)
		g.four(asked)
		g.emit("VADDPS V4, V0, V0\nVADDPS V12, V8, V8\nVADDPS V8, V0, V0")
		g.repeat(sum)
		g.emit("%s", g.fold("VADDPS"))
		g.emit(`
			VMOVSS X0, (DI)
			ADDQ $4, DI
			ADDQ R11, DX
			DECQ R10
			JNZ row
			end:
			VZEROUPPER
			RET`)
	},
}

// mixRows keeps four vectors of out, or one at its end, in registers while it goes through the rows.
var mixRows = kernel{
	name: "mixRows", args: "out, p, rows []float32, stride int",
	body: func(g *gen) {
		g.emit(`
			MOVQ {out_base}, DI
			MOVQ {out_len}, R8
			MOVQ {rows_base}, SI
			MOVQ {stride}, R11
			SHLQ $2, R11
			wide:
			SUBQ $%d, R8
			JLT rest`, 4*g.lanes)
		g.mixed("four", 4, func(i int) { g.emit("VFMADD231PS %d(R10), V4, V%d", 4*g.lanes*i, i) })
		for i := range 4 {
			g.emit("VMOVUPS V%d, %d(DI)", i, 4*g.lanes*i)
		}
		g.emit("ADDQ $%[1]d, DI\nADDQ $%[1]d, SI\nJMP wide\nrest:\nADDQ $%[2]d, R8", 16*g.lanes, 4*g.lanes)
		g.emit("narrow:\nTESTQ R8, R8\nJLE done\nMOVQ R8, CX\nCMPQ CX, $%[1]d\nJLE masked\nMOVQ $%[1]d, CX\nmasked:", g.lanes)
		g.emitMask()
		g.mixed("one", 1, func(int) {
			g.emit("%s", g.loadMasked("(R10)", "V5"))
			g.emit("VFMADD231PS V5, V4, V0")
		})
		g.emit("%s", g.storeMasked("V0", "(DI)"))
		g.emit("ADDQ $%[1]d, DI\nADDQ $%[1]d, SI\nSUBQ $%[2]d, R8\nJMP narrow\ndone:\nVZEROUPPER\nRET", 4*g.lanes, g.lanes)
	},
}

// mixed sums up n vectors at SI in V0 and so on: add adds vector i of the row at R10 times V4.
func (g *gen) mixed(label string, n int, add func(i int)) {
	for i := range n {
		g.emit("VXORPS V%[1]d, V%[1]d, V%[1]d", i)
	}
	g.emit("MOVQ {p_base}, DX\nMOVQ {p_len}, R9\nMOVQ SI, R10\nTESTQ R9, R9\nJZ %[1]sDone\n%[1]s:\nVBROADCASTSS (DX), V4", label)
	for i := range n {
		g.emit("PREFETCHT0 %d(R10)(R11*%d)", 4*g.lanes*i, rowsAhead)
		add(i)
	}
	g.emit("ADDQ $4, DX\nADDQ R11, R10\nDECQ R9\nJNZ %[1]s\n%[1]sDone:", label)
}
