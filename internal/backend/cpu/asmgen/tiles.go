package main

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// tiles are the instructions on AMX tiles, T0 to T7, which Go's assembler lacks, by
// their prefix (pp) and opcode in map 0F38, VEX, W0 (Intel SDM, volume 2):
//
//	LDTILECFG (AX)                the sizes of tiles, from 64 bytes
//	TILERELEASE                   the end of their use
//	TILEZERO T0
//	TILELOADD 64(SI)(BX*1), T4    rows BX bytes apart
//	TILESTORED T0, (DI)(BX*1)
//	TDPBF16PS T6, T4, T0          T0 += T4 times T6, of pairs of bf16
var tiles = map[string]struct{ pp, opcode int }{
	"LDTILECFG":   {0, 0x49},
	"TILERELEASE": {0, 0x49},
	"TILEZERO":    {3, 0x49},
	"TILELOADD":   {3, 0x4B},
	"TILESTORED":  {2, 0x4B},
	"TDPBF16PS":   {2, 0x5C},
}

var (
	tile     = regexp.MustCompile(`\bT(\d)\b`)
	rowsAt   = regexp.MustCompile(`(\d*)\((\w+)\)\((\w+)\*1\)`)
	integers = []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}
)

// encodeTile replaces an instruction of tiles by its bytes; any other line is as it was.
func encodeTile(line string) string {
	name, operands, _ := strings.Cut(line, " ")
	op, ok := tiles[name]
	if !ok {
		return line
	}
	var t []int
	for _, m := range tile.FindAllStringSubmatch(operands, -1) {
		t = append(t, number(m[1]))
	}
	v, reg, base, index := 0, 0, 0, 0
	var last []int // ModRM and what follows
	switch m := rowsAt.FindStringSubmatch(operands); {
	case m != nil: // SIB and an offset of 32 bits
		base, index, reg = slices.Index(integers, m[2]), slices.Index(integers, m[3]), t[0]
		offset := binary.LittleEndian.AppendUint32(nil, uint32(number("0"+m[1])))
		last = []int{0x84, index&7<<3 | base&7, int(offset[0]), int(offset[1]), int(offset[2]), int(offset[3])}
	case len(t) == 3:
		v, reg, last = t[0], t[2], []int{0xC0 | t[1]}
	case len(t) == 1:
		reg, last = t[0], []int{0xC0}
	case operands == "":
		last = []int{0xC0}
	default:
		last = []int{0} // (AX)
	}
	last[0] |= reg << 3
	var text []string
	for _, b := range append([]int{0xC4, 1<<7 | flipped(index, 3)<<6 | flipped(base, 3)<<5 | 2, (^v&15)<<3 | op.pp, op.opcode}, last...) {
		text = append(text, fmt.Sprintf("BYTE $0x%02x", b))
	}
	return strings.Join(text, "; ") + " // " + line
}
