package main

// gemm keeps a tile of mr rows and nv vectors in registers. A turn of the loop loads
// a row of b and broadcasts the values of a column of a, one after the other,
// through two registers so that loads run ahead.
var gemm = kernel{
	name: "gemm", args: "c []float32, ldc int, a, b []float32, k int, add bool",
	body: func(g *gen) { g.gemm("VFMADD231PS") },
}

// gemm is the kernel with that instruction to multiply and add.
func (g *gen) gemm(multiply string) {
	g.emit(`
			MOVQ {c_base}, DI
			MOVQ {ldc}, SI
			SHLQ $2, SI
			MOVQ {a_base}, R8
			MOVQ {b_base}, R9
			MOVQ {k}, CX
			MOVQ DI, DX`)
	for range g.mr {
		g.emit("PREFETCHT0 (DX)\nPREFETCHT0 %d(DX)\nADDQ SI, DX", g.nv*g.lanes*4-4)
	}
	for r := range g.mr * g.nv {
		g.emit("VXORPS V%d, V%d, V%d", r, r, r)
	}
	const unroll = 4
	g.emit("SUBQ $%d, CX\nJLT rest\nloop:", unroll)
	for l := range unroll {
		g.outer(multiply, l)
	}
	g.advance(unroll)
	g.emit("SUBQ $%d, CX\nJGE loop\nrest:\nADDQ $%d, CX\nJZ store\nlast:", unroll, unroll)
	g.outer(multiply, 0)
	g.advance(1)
	g.emit("DECQ CX\nJNZ last\nstore:\nMOVBLZX {add}, AX\nTESTL AX, AX\nJZ set")
	g.result(true)
	g.emit("set:")
	g.result(false)
}

// outer adds the outer product of column l of a and row l of b.
func (g *gen) outer(multiply string, l int) {
	tile := g.mr * g.nv
	for v := range g.nv {
		g.emit("VMOVUPS %d(R9), V%d", 4*(l*g.nv+v)*g.lanes, tile+v)
	}
	spare := min(2, 2*g.lanes-tile-g.nv) // there are 16 registers, or 32
	for i := range g.mr {
		x := tile + g.nv + i%spare
		g.emit("VBROADCASTSS %d(R8), V%d", 4*(l*g.mr+i), x)
		for v := range g.nv {
			g.emit("%s V%d, V%d, V%d", multiply, tile+v, x, i*g.nv+v)
		}
	}
}

func (g *gen) advance(l int) {
	g.emit("ADDQ $%d, R8\nADDQ $%d, R9", 4*l*g.mr, 4*l*g.nv*g.lanes)
}

// result writes the tile to c, or adds it, and returns.
func (g *gen) result(add bool) {
	for i := range g.mr {
		for v := range g.nv {
			if add {
				g.emit("VADDPS %d(DI), V%d, V%d", 4*v*g.lanes, i*g.nv+v, i*g.nv+v)
			}
			g.emit("VMOVUPS V%d, %d(DI)", i*g.nv+v, 4*v*g.lanes)
		}
		g.emit("ADDQ SI, DI")
	}
	g.emit("VZEROUPPER\nRET")
}
