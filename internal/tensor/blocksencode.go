package tensor

import "math"

// Encoders of the block types with one scale for 32 values; layouts in
// blocks.go. float32(x*d) keeps the compiler from fusing operations.

// encodeQ4_0: d = v / -8 for v of the largest magnitude, which becomes 0; q = x/d + 8.
func encodeQ4_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[18:], src[32:] {
		x := (*[32]float32)(src)
		d := farthest(x[:]) / -8
		inv := inverse(d)
		le.PutUint16(dst, ToF16(d))
		packNibbles(dst[2:18], x, func(v float32) float32 { return float32(v*inv) + 8.5 })
	}
}

// encodeQ4_1: m = the least value, d = range / 15; q = (x - m) / d.
func encodeQ4_1(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[20:], src[32:] {
		x := (*[32]float32)(src)
		lo, hi := bounds(x[:])
		d := (hi - lo) / 15
		inv := inverse(d)
		le.PutUint16(dst, ToF16(d))
		le.PutUint16(dst[2:], ToF16(lo))
		packNibbles(dst[4:20], x, func(v float32) float32 { return float32((v-lo)*inv) + 0.5 })
	}
}

// encodeQ5_0: d = v / -16 for v of the largest magnitude, which becomes 0; q = x/d + 16.
func encodeQ5_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[22:], src[32:] {
		x := (*[32]float32)(src)
		d := farthest(x[:]) / -16
		inv := inverse(d)
		var q [32]uint8
		for i, v := range x {
			q[i] = byte(min(31, int8(truncate(float64(float32(v*inv)+16.5)))))
		}
		le.PutUint16(dst, ToF16(d))
		packFiveBits(dst[2:22], &q)
	}
}

// encodeQ5_1: m = the least value, d = range / 31; q = (x - m) / d.
func encodeQ5_1(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[24:], src[32:] {
		x := (*[32]float32)(src)
		lo, hi := bounds(x[:])
		d := (hi - lo) / 31
		inv := inverse(d)
		var q [32]uint8
		for i, v := range x {
			q[i] = byte(truncate(float64(float32((v-lo)*inv) + 0.5)))
		}
		le.PutUint16(dst, ToF16(d))
		le.PutUint16(dst[2:], ToF16(lo))
		packFiveBits(dst[4:24], &q)
	}
}

// packFiveBits writes the fifth bits of quants, then the low four of q[j] and q[j+16] as byte j.
func packFiveBits(dst []byte, q *[32]uint8) {
	var high uint32
	for i, v := range q {
		high |= uint32(v>>4&1) << i
	}
	le.PutUint32(dst, high)
	for j := range 16 {
		dst[4+j] = q[j]&15 | q[j+16]<<4
	}
}

// encodeQ8_0: d = largest magnitude / 127; q = x/d, halves away from zero.
func encodeQ8_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[34:], src[32:] {
		x, q := (*[32]float32)(src), (*[32]byte)(dst[2:])
		d := abs(farthest(x[:])) / 127
		inv := inverse(d)
		le.PutUint16(dst, ToF16(d))
		for i, v := range x {
			q[i] = byte(truncate(math.Round(float64(v * inv))))
		}
	}
}

// packNibbles puts the quants of x[j] and x[j+16], at most 15, into byte j.
func packNibbles(dst []byte, x *[32]float32, quant func(float32) float32) {
	nibble := func(v float32) byte { return byte(min(15, int8(truncate(float64(quant(v)))))) }
	for j := range dst {
		dst[j] = nibble(x[j]) | nibble(x[j+16])<<4
	}
}

// inverse is 1/d, or 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// truncate drops the fraction. What an int32 cannot hold becomes 0, the low
// byte of what x86-64 makes of it: blocks of denormals have an infinite inverse.
func truncate(v float64) int32 {
	if v > -1<<31 && v < 1<<31 {
		return int32(v)
	}
	return 0
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// farthest is the first of the values with the largest magnitude.
func farthest(x []float32) float32 {
	var far float32
	for _, v := range x {
		if abs(v) > abs(far) {
			far = v
		}
	}
	return far
}

// bounds are the first of the least and of the largest values.
func bounds(x []float32) (lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	return lo, hi
}
