package main

// storedDecoders decode whole blocks, or whole vectors of plain types, to the bits of
// tensor.Decode: products and sums are not fused.
var storedDecoders = []kernel{
	{name: "decodeF16", args: decodeArgs, body: func(g *gen) { g.decodePlain("VCVTPH2PS (SI), V8") }},
	{name: "decodeBF16", args: decodeArgs, body: func(g *gen) { g.decodePlain("VPMOVZXWD (SI), V8\nVPSLLD $16, V8, V8") }},
	{name: "decodeQ8_0", args: decodeArgs, body: func(g *gen) {
		g.decodeBlocks(32, 34, func() {
			g.emit("VCVTPH2PS (SI), X6\nVBROADCASTSS X6, V6")
			for at := 0; at < 32; at += g.lanes {
				g.emit("VPMOVSXBD %d(SI), V8\nVCVTDQ2PS V8, V8\nVMULPS V6, V8, V8\nVMOVUPS V8, %d(DI)", 2+at, 4*at)
			}
		})
	}},
	{name: "decodeQ4_0", args: decodeArgs, body: func(g *gen) {
		g.nibbleTable(true)
		g.decodeBlocks(32, 18, func() {
			g.emit("VCVTPH2PS (SI), X6\nVBROADCASTSS X6, V6")
			g.decodeNibbles(2, 16, 0, true, "VMULPS V6, V8, V8", "VMULPS V6, V9, V9")
		})
	}},
	{name: "decodeQ4_1", args: decodeArgs, body: func(g *gen) {
		g.nibbleTable(false)
		g.decodeBlocks(32, 20, func() {
			g.scale("(SI)")
			g.decodeNibbles(4, 16, 0, false, "VMULPS V6, V8, V8\nVADDPS V7, V8, V8", "VMULPS V6, V9, V9\nVADDPS V7, V9, V9")
		})
	}},
	{name: "decodeQ4_K", args: decodeArgs, frame: 64, body: func(g *gen) {
		g.nibbleTable(false)
		g.decodeBlocks(256, 144, func() {
			g.sixBitScales(0)
			for at := 0; at < 256; at += 64 {
				g.emit("VBROADCASTSS %d(SP), V4\nVBROADCASTSS %d(SP), V5\nVBROADCASTSS %d(SP), V6\nVBROADCASTSS %d(SP), V7", at/8, at/8+4, 32+at/8, 36+at/8)
				g.decodeNibbles(16+at/2, 32, at, false, "VMULPS V4, V8, V8\nVSUBPS V6, V8, V8", "VMULPS V5, V9, V9\nVSUBPS V7, V9, V9")
			}
		})
	}},
}

const decodeArgs = "out []float32, w []byte"

// decodePlain decodes a vector at a time, which load brings to V8.
func (g *gen) decodePlain(load string) {
	g.decodeBlocks(g.lanes, 2*g.lanes, func() { g.emit("%s\nVMOVUPS V8, (DI)", load) })
}

// decodeBlocks runs text for each block, from SI to DI.
func (g *gen) decodeBlocks(values, bytes int, text func()) {
	g.emit("MOVQ {out_base}, DI\nMOVQ {out_len}, R8\nMOVQ {w_base}, SI\nSUBQ $%d, R8\nJLT done\nblock:", values)
	text()
	g.emit("ADDQ $%d, SI\nADDQ $%d, DI\nSUBQ $%d, R8\nJGE block\ndone:\nVZEROUPPER\nRET", bytes, 4*values, values)
}

// decodeNibbles writes the low quants of n bytes, made values by low in V8, from value to on,
// and behind them the high ones, by high in V9.
func (g *gen) decodeNibbles(at, n, to int, signed bool, low, high string) {
	for i := 0; i < n; i += g.lanes {
		g.nibbles(row(0, at+i), signed)
		g.emit("%s\n%s\nVMOVUPS V8, %d(DI)\nVMOVUPS V9, %d(DI)", low, high, 4*(to+i), 4*(to+n+i))
	}
}
