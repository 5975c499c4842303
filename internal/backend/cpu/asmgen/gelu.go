package main

// geglu: gelu(x) is x/(1 + exp(-y)) with -y = x·(minusLinear + minusCubic·x²).
var geglu = kernel{
	name: "geglu", args: "out, gate, up []float32",
	body: func(g *gen) {
		g.each(`
			load gate V4
			VMULPS V4, V4, V0
			VMOVUPS [minusCubic], V5
			VFMADD213PS [minusLinear], V5, V0
			VMULPS V4, V0, V0` + g.expText() + `
			load up V5
			VADDPS [one], V0, V0
			VDIVPS V0, V4, V4
			VMULPS V5, V4, V4
			store V4 out`)
	},
}

// gegluGrad: the slope of gelu is s + x·s·(1-s)·y', s being 1/(1 + exp(-y)).
var gegluGrad = kernel{
	name: "gegluGrad", args: "dgate, dup, dout, gate, up []float32",
	body: func(g *gen) {
		g.each(`
			load gate V4
			VMULPS V4, V4, V6
			VMOVUPS [minusCubic], V0
			VFMADD213PS [minusLinear], V6, V0
			VMULPS V4, V0, V0` + g.expText() + `
			VADDPS [one], V0, V0
			VMOVUPS [one], V1
			VDIVPS V0, V1, V0
			VMULPS V0, V4, V4
			VSUBPS V0, V1, V1
			VMOVUPS [minusSlope], V5
			VFMADD213PS [minusLinear], V5, V6
			VMULPS V6, V1, V1
			VFNMADD231PS V1, V4, V0
			load dout V5
			load dup V6
			VFMADD231PS V5, V4, V6
			store V6 dup
			load up V7
			load dgate V8
			VMULPS V5, V7, V7
			VFMADD231PS V7, V0, V8
			store V8 dgate`)
	},
}

// tanh: t/(t + 2) with t = exp(2x) - 1 = 2^n·(exp(r) - 1) + (2^n - 1), which keeps
// its digits near 0.
var tanh = kernel{
	name: "tanh", args: "out, x []float32, scale, mul float32",
	body: func(g *gen) {
		g.each(`
			load x V0
			VMULPS {scale}, V0, V0
			VADDPS V0, V0, V0` + reduced("tanhHigh", "tanhLow") + `
			VMULPS V0, V2, V2
			VCVTPS2DQ V1, V1
			VPSLLD $23, V1, V1
			VPADDD [one], V1, V1
			VSUBPS [one], V1, V3
			VFMADD213PS V3, V1, V2
			VSUBPS [minus2], V2, V3
			VDIVPS V3, V2, V0
			VMULPS {mul}, V0, V0
			store V0 out`)
	},
}
