package main

import (
	"fmt"
	"strings"
)

// isa is an instruction set.
type isa struct {
	suffix string // of function names
	reg    string // letter of the registers that V stands for
	lanes  int    // float32 values in one
	mr     int    // rows of the micro-tile of gemm
	nv     int    // vectors in a row of it
}

var (
	avx2    = isa{suffix: "AVX2", reg: "Y", lanes: 8, mr: 4, nv: 3}
	avx512  = isa{suffix: "AVX512", reg: "Z", lanes: 16, mr: 12, nv: 2}
	onTiles = isa{suffix: "AMX", reg: "Z", lanes: 16}
)

// Ends of an array: AVX-512 masks with K1, AVX2 with a register of all ones and
// zeros, the last that kernels may otherwise use.
const mask = "Y15"

func (s isa) setMask() string {
	if s == avx512 {
		return "MOVL $1, BX; SHLL CX, BX; DECL BX; KMOVW BX, K1"
	}
	return "LEAQ lanes<>+32(SB), BX; SHLQ $2, CX; SUBQ CX, BX; VMOVDQU (BX), " + mask
}

func (s isa) loadMasked(address, reg string) string {
	if s == avx512 {
		return "VMOVUPS.Z " + address + ", K1, " + reg
	}
	return "VMASKMOVPS " + address + ", " + mask + ", " + reg
}

func (s isa) storeMasked(reg, address string) string {
	if s == avx512 {
		return "VMOVUPS " + reg + ", K1, " + address
	}
	return "VMASKMOVPS " + reg + ", " + mask + ", " + address
}

// blend replaces the lanes of reg past the end of the array by those of rest.
func (s isa) blend(reg, rest string) string {
	if s == avx512 {
		return "VPBLENDMD " + reg + ", " + rest + ", K1, " + reg
	}
	return "VBLENDVPS " + mask + ", " + reg + ", " + rest + ", " + reg
}

// fold combines the lanes of V0 by op (VADDPS, VMAXPS) into X0, using X1.
func (s isa) fold(op string) string { return s.foldOf(op, 0, 1) }

// foldOf combines the lanes of register v into its first, using register t.
func (s isa) foldOf(op string, v, t int) string {
	text := `
	VEXTRACTF128 $1, Yv, Xt
	OP Xt, Xv, Xv
	VPERMILPS $0x4E, Xv, Xt
	OP Xt, Xv, Xv
	VPERMILPS $0xB1, Xv, Xt
	OP Xt, Xv, Xv`
	if s == avx512 {
		text = "VEXTRACTF64X4 $1, Zv, Yt\nOP Yt, Yv, Yv" + text
	}
	return strings.NewReplacer("OP", op, "v", fmt.Sprint(v), "t", fmt.Sprint(t)).Replace(text)
}
