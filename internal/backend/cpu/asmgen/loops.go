package main

import (
	"fmt"
	"strings"
)

// pointers hold the slices of a kernel, AX the index of the vector at hand, CX how
// many values are left.
var pointers = []string{"DI", "SI", "DX", "R8", "R9"}

// start loads pointers, the length, and scalars into V14, V13 and so on.
func (g *gen) start() {
	for i, name := range g.slices {
		g.emit("MOVQ {%s_base}, %s", name, pointers[i])
	}
	for i, name := range g.scalars {
		g.emit("VBROADCASTSS {%s}, %s", name, g.scalar(i))
	}
	g.emit("MOVQ {%s_len}, CX\nXORQ AX, AX", g.slices[0])
}

func (g *gen) scalar(i int) string { return "V" + []string{"14", "13", "12"}[i] }

// address of the vector at hand of a slice.
func (g *gen) address(slice string) string {
	for i, name := range g.slices {
		if name == slice {
			return "(" + pointers[i] + ")(AX*4)"
		}
	}
	panic("no slice " + slice)
}

// each runs text on every vector of the slices, the last one masked.
func (g *gen) each(text string) {
	g.start()
	g.repeat(text)
	g.emit("VZEROUPPER\nRET")
}

// repeat is the loop of each. Its text may hold, beside assembly:
//
//	load x V0    store V0 x    the vector at hand of slice x
//	rest V0 [zero]             lanes past the end of the array become the constant, using V3
//	scalar names as operands   {a}
func (g *gen) repeat(text string) {
	g.emit("SUBQ $%d, CX\nJLT tail\nloop:", g.lanes)
	g.vector(text, false)
	g.emit("ADDQ $%d, AX\nSUBQ $%d, CX\nJGE loop", g.lanes, g.lanes)
	g.emit("tail:\nADDQ $%d, CX\nJZ done", g.lanes)
	g.emitMask()
	g.vector(text, true)
	g.emit("done:")
}

// emitMask masks the first CX lanes, of which there are some.
func (g *gen) emitMask() {
	for line := range strings.SplitSeq(g.setMask(), "; ") {
		g.emit("%s", line)
	}
}

// vector writes text once.
func (g *gen) vector(text string, masked bool) {
	for i, name := range g.scalars {
		text = strings.ReplaceAll(text, "{"+name+"}", g.scalar(i))
	}
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "load" && masked:
			g.emit("%s", g.loadMasked(g.address(words[1]), words[2]))
		case words[0] == "load":
			g.emit("VMOVUPS %s, %s", g.address(words[1]), words[2])
		case words[0] == "store" && masked:
			g.emit("%s", g.storeMasked(words[1], g.address(words[2])))
		case words[0] == "store":
			g.emit("VMOVUPS %s, %s", words[1], g.address(words[2]))
		case words[0] == "rest" && masked:
			g.emit("VMOVUPS %s, V3", words[2])
			g.emit("%s", g.blend(words[1], "V3"))
		case words[0] == "rest":
		default:
			g.emit("%s", line)
		}
	}
}

// four is repeat on four vectors a turn, for as long as there are four: the
// registers of the text, V0 to V3, are four further on for each next vector.
func (g *gen) four(text string) {
	g.emit("SUBQ $%d, CX\nJLT rest\nfour:", 4*g.lanes)
	for i := range 4 {
		g.vector(vector.ReplaceAllStringFunc(text, func(reg string) string {
			return fmt.Sprint("V", int(reg[1]-'0')+4*i)
		}), false)
		g.emit("ADDQ $%d, AX", g.lanes)
	}
	g.emit("SUBQ $%d, CX\nJGE four\nrest:\nADDQ $%d, CX", 4*g.lanes, 4*g.lanes)
}
