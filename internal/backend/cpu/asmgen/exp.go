package main

// expText makes V0 exp(V0), using V1 to V3: 2^n·exp(r), |r| <= ln(2)/2, within an
// ulp or two. Operands of VMINPS and VMAXPS are in the order that keeps NaN.
func (g *gen) expText() string {
	text := reduced("expHigh", "expLow") + `
		VFMADD213PS [one], V0, V2`
	if g.isa == avx512 {
		return text + `
		VSCALEFPS V1, V2, V0`
	}
	// 2^n in two steps, n/2 each, so that neither leaves the range of exponents.
	return text + `
		VCVTPS2DQ V1, V1
		VPSRAD $1, V1, V3
		VPSUBD V3, V1, V1
		VPSLLD $23, V1, V1
		VPADDD [one], V1, V1
		VPSLLD $23, V3, V3
		VPADDD [one], V3, V3
		VMULPS V1, V2, V0
		VMULPS V3, V0, V0`
}

// reduced clamps V0 and makes it r, V1 n, and V2 (exp(r) - 1)/r.
func reduced(high, low string) string {
	return `
		VMOVUPS [` + high + `], V1
		VMINPS V0, V1, V0
		VMOVUPS [` + low + `], V1
		VMAXPS V0, V1, V0
		VMOVUPS [magic], V1
		VFMADD231PS [log2e], V0, V1
		VSUBPS [magic], V1, V1
		VFNMADD231PS [ln2High], V1, V0
		VFNMADD231PS [ln2Low], V1, V0
		VMOVUPS [exp7], V2
		VFMADD213PS [exp6], V0, V2
		VFMADD213PS [exp5], V0, V2
		VFMADD213PS [exp4], V0, V2
		VFMADD213PS [exp3], V0, V2
		VFMADD213PS [exp2], V0, V2
		VFMADD213PS [one], V0, V2`
}

var exp = kernel{
	name: "exp", args: "out, x []float32, scale, shift, mul float32", result: "float32",
	body: func(g *gen) {
		g.start()
		g.emit("VXORPS V4, V4, V4")
		g.repeat(`
			load x V0
			VFMSUB213PS {shift}, {scale}, V0` + g.expText() + `
			VMULPS {mul}, V0, V0
			store V0 out
			rest V0 [zero]
			VADDPS V0, V4, V4`)
		g.emit("VMOVAPS V4, V0")
		g.finish("VADDPS")
	},
}

var swiglu = kernel{
	name: "swiglu", args: "out, gate, up []float32",
	body: func(g *gen) {
		g.each(`
			load gate V4
			VXORPS [sign], V4, V0` + g.expText() + `
			load up V5
			VADDPS [one], V0, V0
			VDIVPS V0, V4, V4
			VMULPS V5, V4, V4
			store V4 out`)
	},
}

var swigluGrad = kernel{
	name: "swigluGrad", args: "dgate, dup, dout, gate, up []float32",
	body: func(g *gen) {
		g.each(`
			load gate V4
			VXORPS [sign], V4, V0` + g.expText() + `
			VADDPS [one], V0, V0
			VMOVUPS [one], V1
			VDIVPS V0, V1, V0
			VMULPS V0, V4, V4
			VSUBPS V0, V1, V1
			VFMADD231PS V1, V4, V0
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
