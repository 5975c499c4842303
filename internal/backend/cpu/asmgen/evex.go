package main

import (
	"fmt"
	"regexp"
	"strconv"
)

// evex are instructions on 512-bit registers that Go's assembler lacks, by their
// prefix (pp) and opcode in map 0F38, W0 (Intel SDM, volume 2):
//
//	VDPBF16PS b, a, c        c += products of the pairs of bf16 in a and b
//	VCVTNE2PS2BF16 x, y, c   c = bf16 of x in the low half, of y in the high
var evex = map[string]struct{ pp, opcode int }{
	"VDPBF16PS":      {2, 0x52},
	"VCVTNE2PS2BF16": {3, 0x72},
}

var three = regexp.MustCompile(`^(\w+) Z(\d+), Z(\d+), Z(\d+)$`)

// encode replaces an instruction of evex by its six bytes; any other line is as it was.
func encode(line string) string {
	m := three.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	op, ok := evex[m[1]]
	if !ok {
		return line
	}
	rm, v, reg := number(m[2]), number(m[3]), number(m[4])
	p0 := flipped(reg, 3)<<7 | flipped(rm, 4)<<6 | flipped(rm, 3)<<5 | flipped(reg, 4)<<4 | 2
	p1 := (^v&15)<<3 | 1<<2 | op.pp
	p2 := 2<<5 | flipped(v, 4)<<3 // 512 bits, no mask
	modrm := 3<<6 | reg&7<<3 | rm&7
	return fmt.Sprintf("LONG $0x%02x%02x%02x62; WORD $0x%02x%02x // %s", p2, p1, p0, modrm, op.opcode, line)
}

// flipped is the complement of a bit of x.
func flipped(x, bit int) int { return ^x >> bit & 1 }

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		panic(err)
	}
	return n
}
