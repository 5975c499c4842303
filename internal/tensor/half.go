package tensor

import "math"

// FromF16 widens an IEEE half. Exact for all 65536 values, without a table:
// normal numbers, Inf and NaN get their exponent by a multiplication,
// subnormals by a subtraction (Maratyszcza/FP16, as ggml uses it).
func FromF16(h uint16) float32 {
	twice := uint32(h) << 17 // the sign falls off
	v := math.Float32bits(math.Float32frombits(twice>>4+0xE0<<23) * 0x1p-112)
	if twice < 1<<27 {
		v = math.Float32bits(math.Float32frombits(twice>>17|0x3F000000) - 0.5)
	}
	return math.Float32frombits(uint32(h&0x8000)<<16 | v)
}

// ToF16 rounds to the nearest IEEE half, ties to even; what is beyond the
// largest half becomes an infinity, NaN stays NaN.
func ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &^= 1 << 31
	switch {
	case b > 0x7F800000:
		return sign | 0x7E00 | uint16(b>>13&0x3FF)
	case b >= 0x477FF000: // 65520 lies halfway to 2^16
		return sign | 0x7C00
	case b < 0x38800000: // 0.5 has the spacing of subnormal halves: the addition rounds
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3F000000)
	}
	b += 0xFFF + b>>13&1
	return sign | uint16((b-0x38000000)>>13)
}

// FromBF16 widens a bfloat16, which is the upper half of a float32.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even; NaN stays NaN.
func ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&^(1<<31) > 0x7F800000 {
		return uint16(b>>16) | 0x40 // quiet, so that a payload in the lost bits does not turn it into Inf
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}
