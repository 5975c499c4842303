package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// f and u are constants as their bits.
func f(x float64) []uint32 { return u(math.Float32bits(float32(x))) }

func u(x uint32) []uint32 { return slices.Repeat([]uint32{x}, 16) }

// lanes64 are values in 64-bit lanes.
func lanes64(x ...uint32) (list []uint32) {
	for _, v := range x {
		list = append(list, v, 0)
	}
	return list
}

// interleaved are the indices that put word 16+i beside word i.
func interleaved() (list []uint32) {
	for i := range uint32(16) {
		list = append(list, (16+i)<<16|i)
	}
	return list
}

// words are 32 indices of words.
func words(of func(i uint16) uint16) (list []uint32) {
	for i := uint16(0); i < 32; i += 2 {
		list = append(list, uint32(of(i+1))<<16|uint32(of(i)))
	}
	return list
}

// tileSizes configure eight tiles of sixteen rows of 64 bytes.
func tileSizes() (list []uint32) {
	bytes := [64]byte{1} // the palette
	for t := range 8 {
		bytes[16+2*t], bytes[48+t] = 64, 16
	}
	for i := 0; i < 64; i += 4 {
		list = append(list, binary.LittleEndian.Uint32(bytes[i:]))
	}
	return list
}

// quants are the values of the sixteen quants of four bits, from least on.
func quants(least float64) (list []uint32) {
	for i := range 16 {
		list = append(list, f(least + float64(i))[0])
	}
	return list
}

// constants are vectors of 64 bytes.
var constants = map[string][]uint32{
	"one":           f(1),
	"half":          f(0.5),
	"sign":          u(1 << 31),
	"absolute":      u(1<<31 - 1),
	"zero":          f(0),
	"minusInfinity": f(math.Inf(-1)),
	"lanes":         append(slices.Repeat([]uint32{1<<32 - 1}, 8), make([]uint32, 8)...),

	// bf16, the upper halves of float32 values.
	"infinity":   f(math.Inf(1)),
	"unit":       u(1),
	"belowHalf":  u(1<<15 - 1),
	"upper":      u(1<<32 - 1<<16),
	"quiet":      u(1 << 22),
	"interleave": interleaved(),

	"tileSizes": tileSizes(),

	// Upper halves of 32 values: in their order, or of the first and second sixteen in turn.
	"oddWords":      words(func(i uint16) uint16 { return 2*i + 1 }),
	"interleaveOdd": words(func(i uint16) uint16 { return i&^1 + 1 + i&1<<5 }),

	// Quants of stored blocks.
	"nibbles":       quants(0),
	"signedNibbles": quants(-8),
	"eight":         u(8),
	"fifteen":       u(15),
	"sixteen":       u(16),
	"thirtyTwo":     u(32),
	"fortyEight":    u(48),
	"fifteens":      u(0x0f0f0f0f),
	"fortyEights":   u(0x30303030),
	"sixtyThrees":   u(0x3f3f3f3f),
	"lowHigh":       {0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4},

	// exp: Cephes' expf.
	"expHigh": f(89),
	"expLow":  f(-104),
	"log2e":   f(math.Log2E),
	"magic":   f(3 << 22), // adding it rounds to an integer
	"ln2High": f(0.693359375),
	"ln2Low":  f(-2.12194440e-4),
	"exp7":    f(1.9875691500e-4),
	"exp6":    f(1.3981999507e-3),
	"exp5":    f(8.3334519073e-3),
	"exp4":    f(4.1665795894e-2),
	"exp3":    f(1.6666665459e-1),
	"exp2":    f(5.0000001201e-1),

	// geglu: see generic_gelu.go.
	"minusLinear": f(-2 * math.Sqrt2 / math.SqrtPi),
	"minusCubic":  f(-0.044715 * 2 * math.Sqrt2 / math.SqrtPi),
	"minusSlope":  f(-3 * 0.044715 * 2 * math.Sqrt2 / math.SqrtPi),

	// tanh: beyond 20 it is 1.
	"tanhHigh": f(40),
	"tanhLow":  f(-40),

	// normal: see generic_normal.go.
	"iota0":     lanes64(0, 1, 2, 3, 4, 5, 6, 7),
	"iota4":     lanes64(4, 5, 6, 7, 8, 9, 10, 11),
	"low":       lanes64(slices.Repeat([]uint32{1<<32 - 1}, 8)...),
	"philox0":   u(0xD2511F53),
	"philox1":   u(0xCD9E8D57),
	"weyl0":     u(0x9E3779B9),
	"weyl1":     u(0xBB67AE85),
	"ulp":       f(1. / (1 << 31)),
	"sqrtHalf":  u(0x3F3504F3),
	"mantissa":  u(1<<23 - 1),
	"ln2":       f(math.Ln2),
	"minus2":    f(-2),
	"minusHalf": f(-0.5),
	"angle":     f(math.Pi / 4 / (1 << 31)),
	"log8":      f(7.0376836292e-2),
	"log7":      f(-1.1514610310e-1),
	"log6":      f(1.1676998740e-1),
	"log5":      f(-1.2420140846e-1),
	"log4":      f(1.4249322787e-1),
	"log3":      f(-1.6668057665e-1),
	"log2":      f(2.0000714765e-1),
	"log1":      f(-2.4999993993e-1),
	"log0":      f(3.3333331174e-1),
	"sin2":      f(-1.9515295891e-4),
	"sin1":      f(8.3321608736e-3),
	"sin0":      f(-1.6666654611e-1),
	"cos2":      f(2.443315711809948e-5),
	"cos1":      f(-1.388731625493765e-3),
	"cos0":      f(4.166664568298827e-2),
}

// writeConstants writes those used, by name.
func writeConstants(out *bytes.Buffer, used map[string]bool) {
	var names []string
	for name := range used {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintln(out)
		values, ok := constants[name]
		if !ok {
			panic("no constant " + name)
		}
		for i := 0; i < len(values); i += 2 {
			fmt.Fprintf(out, "DATA %s<>+%d(SB)/8, $0x%08x%08x\n", name, 4*i, values[i+1], values[i])
		}
		fmt.Fprintf(out, "GLOBL %s<>(SB), RODATA|NOPTR, $64\n", name)
	}
}
