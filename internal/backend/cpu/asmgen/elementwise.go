package main

var axpby = kernel{
	name: "axpby", args: "y []float32, a float32, x []float32, b float32",
	body: func(g *gen) {
		g.each(`
			load y V0
			load x V1
			VMULPS {b}, V0, V0
			VFMADD231PS {a}, V1, V0
			store V0 y`)
	},
}

var mul = kernel{
	name: "mul", args: "out []float32, a float32, x, y []float32",
	body: func(g *gen) {
		g.each(`
			load x V0
			load y V1
			VMULPS {a}, V0, V0
			VMULPS V1, V0, V0
			store V0 out`)
	},
}

var mulAdd = kernel{
	name: "mulAdd", args: "out []float32, a float32, x, y []float32",
	body: func(g *gen) {
		g.each(`
			load x V0
			load y V1
			load out V2
			VMULPS {a}, V0, V0
			VFMADD231PS V1, V0, V2
			store V2 out`)
	},
}

var rotate = kernel{
	name: "rotate", args: "x1, x2, cos, sin []float32, sign float32",
	body: func(g *gen) {
		g.each(`
			load x1 V0
			load x2 V1
			load cos V2
			load sin V3
			VMULPS {sign}, V3, V3
			VMULPS V3, V1, V4
			VMULPS V3, V0, V5
			VFMSUB213PS V4, V2, V0
			VFMADD213PS V5, V2, V1
			store V0 x1
			store V1 x2`)
	},
}

var perturb = kernel{
	name: "perturb", args: "dst, w, delta, z []float32, relative, absolute float32",
	body: func(g *gen) {
		g.each(`
			load w V0
			load delta V1
			load z V2
			VANDPS [absolute], V0, V3
			VFMADD213PS {absolute}, {relative}, V3
			VADDPS V1, V0, V0
			VFMADD231PS V3, V2, V0
			store V0 dst`)
	},
}

// round: half of the last bit kept is added before the lower half goes, less one
// where that bit is 0; not to NaNs, which get the quiet bit.
var round = kernel{
	name: "round", args: "out, x []float32",
	body: func(g *gen) {
		g.each(`
			load x V0
			VANDPS [absolute], V0, V1
			VMOVUPS [infinity], V2
			VPSUBD V1, V2, V1
			VPSRAD $31, V1, V1
			VPSRLD $16, V0, V2
			VANDPS [unit], V2, V2
			VPADDD [belowHalf], V2, V2
			VANDNPS V2, V1, V2
			VPADDD V2, V0, V0
			VANDPS [upper], V0, V0
			VANDPS [quiet], V1, V1
			VORPS V1, V0, V0
			store V0 out`)
	},
}
