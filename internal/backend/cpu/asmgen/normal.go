package main

// normal makes a group of draws a turn, from blocks in 64-bit lanes of which the
// lower half counts: see generic_normal.go.
var normal = kernel{
	name: "normal", args: "dst []float32, group, seed, stream uint64",
	body: func(g *gen) {
		g.emit(`
			MOVQ {dst_base}, DI
			MOVQ {dst_len}, CX
			MOVQ {group}, AX
			SHLQ $3, AX
			MOVQ {seed}, SI
			MOVQ {stream}, DX
			SUBQ $32, CX
			JLT done
			loop:`)
		for first := 0; first < 8; first += g.lanes / 2 {
			g.philox(first)
			g.boxMuller()
			g.emit("VMOVUPS V2, %d(DI)\nVMOVUPS V3, %d(DI)", 8*first, 64+8*first)
		}
		g.emit("ADDQ $128, DI\nADDQ $8, AX\nSUBQ $32, CX\nJGE loop\ndone:\nVZEROUPPER\nRET")
	},
}

// philox leaves random words in V0 (words 0 and 2 of each block) and V1 (1 and 3).
func (g *gen) philox(first int) {
	g.emit(`
		VMOVQ AX, X0
		VPBROADCASTQ X0, V0
		VPADDQ [iota%d], V0, V0
		VPSRLQ $32, V0, V1
		VMOVQ DX, X2
		VPBROADCASTQ X2, V2
		VPSRLQ $32, V2, V3
		VMOVQ SI, X6
		VPBROADCASTQ X6, V6
		VPSRLQ $32, V6, V7`, first)
	c := []any{0, 1, 2, 3, 4, 5} // registers of words 0 to 3 and of the products
	for range 10 {
		g.emit(`
			VPMULUDQ [philox0], V%[1]d, V%[5]d
			VPMULUDQ [philox1], V%[3]d, V%[6]d
			VPSRLQ $32, V%[6]d, V%[1]d
			VXORPS V%[2]d, V%[1]d, V%[1]d
			VXORPS V6, V%[1]d, V%[1]d
			VPSRLQ $32, V%[5]d, V%[3]d
			VXORPS V%[4]d, V%[3]d, V%[3]d
			VXORPS V7, V%[3]d, V%[3]d
			VPADDD [weyl0], V6, V6
			VPADDD [weyl1], V7, V7`, c...)
		c[1], c[3], c[4], c[5] = c[5], c[4], c[1], c[3]
	}
	for i := range 2 {
		g.emit(`
			VANDPS [low], V%[1]d, V%[1]d
			VPSLLQ $32, V%[2]d, V%[2]d
			VORPS V%[2]d, V%[1]d, V%[3]d`, c[i], c[i+2], i)
	}
}

// boxMuller makes V2 and V3 the two halves of the draws from words V0 and V1.
func (g *gen) boxMuller() {
	g.emit(`
		VANDPS [absolute], V0, V0
		VCVTDQ2PS V0, V0
		VADDPS [half], V0, V0
		VMULPS [ulp], V0, V0

		VPSUBD [sqrtHalf], V0, V0
		VPSRAD $23, V0, V2
		VCVTDQ2PS V2, V2
		VANDPS [mantissa], V0, V0
		VPADDD [sqrtHalf], V0, V0
		VSUBPS [one], V0, V0
		VMULPS V0, V0, V3
		VMOVUPS [log8], V4`)
	g.horner("V4", "V0", "log7", "log6", "log5", "log4", "log3", "log2", "log1", "log0")
	g.emit(`
		VMULPS V0, V4, V4
		VMULPS V3, V4, V4
		VMULPS [minusHalf], V3, V3
		VADDPS V3, V4, V4
		VADDPS V0, V4, V4
		VMULPS [ln2], V2, V2
		VADDPS V4, V2, V2
		VMULPS [minus2], V2, V2
		VSQRTPS V2, V0

		VPSLLD $2, V1, V4
		VCVTDQ2PS V4, V4
		VMULPS [angle], V4, V4
		VMULPS V4, V4, V5
		VMOVUPS [sin2], V3`)
	g.horner("V3", "V5", "sin1", "sin0")
	g.emit(`
		VMULPS V5, V3, V3
		VMULPS V4, V3, V3
		VADDPS V4, V3, V3
		VMOVUPS [cos2], V2`)
	g.horner("V2", "V5", "cos1", "cos0", "minusHalf", "one")
	g.emit(`
		VPSLLD $1, V1, V4
		VANDPS [sign], V4, V4
		VORPS V4, V2, V2
		VPSRAD $31, V1, V4
		VXORPS V2, V3, V5
		VANDPS V4, V5, V5
		VXORPS V5, V2, V2
		VXORPS V5, V3, V3
		VMULPS V0, V2, V2
		VMULPS V0, V3, V3`)
}

// horner: p = p·x + c for each constant, without fusing.
func (g *gen) horner(p, x string, constants ...string) {
	for _, c := range constants {
		g.emit("VMULPS %s, %s, %s\nVADDPS [%s], %s, %s", x, p, p, c, p, p)
	}
}
