package main

var dot = kernel{
	name: "dot", args: "x, y []float32", result: "float32",
	body: func(g *gen) {
		sum := `
			load x V1
			load y V2
			VFMADD231PS V1, V2, V0`
		g.start()
		g.emit("VXORPS V0, V0, V0\nVXORPS V4, V4, V4\nVXORPS V8, V8, V8\nVXORPS V12, V12, V12")
		g.four(sum)
		g.emit("VADDPS V4, V0, V0\nVADDPS V12, V8, V8\nVADDPS V8, V0, V0")
		g.repeat(sum)
		g.finish("VADDPS")
	},
}

var maximum = kernel{
	name: "maximum", args: "x []float32", result: "float32",
	body: func(g *gen) {
		g.start()
		g.emit("VMOVUPS [minusInfinity], V0\nVMOVAPS V0, V4\nVMOVAPS V0, V8\nVMOVAPS V0, V12")
		g.four(`
			load x V1
			VMAXPS V0, V1, V0`)
		g.emit("VMAXPS V4, V0, V0\nVMAXPS V12, V8, V8\nVMAXPS V8, V0, V0")
		g.repeat(`
			load x V1
			rest V1 [minusInfinity]
			VMAXPS V0, V1, V0`)
		g.finish("VMAXPS")
	},
}

// finish returns the lanes of V0 combined by op.
func (g *gen) finish(op string) {
	g.emit("%s", g.fold(op))
	g.emit("VMOVSS X0, {ret}\nVZEROUPPER\nRET")
}
