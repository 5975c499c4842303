package tensor

// K-quants: super-blocks of 256 values, whose sub-blocks have integer scales
// that are themselves scaled by one or two halves (ggml-quants.c).

// scaleMin unpacks the 6-bit scale and minimum of sub-block j of eight from the
// 12 bytes of Q4_K and Q5_K (get_scale_min_k4 of ggml).
func scaleMin(p *[12]byte, j int) (scale, least float32) {
	if j < 4 {
		return float32(p[j] & 63), float32(p[j+4] & 63)
	}
	return float32(p[j+4]&15 | p[j-4]>>6<<4), float32(p[j+4]>>4 | p[j]>>6<<4)
}

// decodeQ4_K: d f16[2], dmin f16[2], scales[12], q[128]; in each 64 values the
// low nibbles are the first 32; x = d*scale*q - dmin*min.
func decodeQ4_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[144:] {
		d, dmin := FromF16(le.Uint16(src)), FromF16(le.Uint16(src[2:]))
		scales := (*[12]byte)(src[4:])
		for j := range 4 {
			y, q := (*[64]float32)(dst[64*j:]), (*[32]byte)(src[16+32*j:])
			s1, m1 := scaleMin(scales, 2*j)
			s2, m2 := scaleMin(scales, 2*j+1)
			d1, d2, m1, m2 := d*s1, d*s2, dmin*m1, dmin*m2
			for l, v := range q {
				y[l] = float32(d1*float32(int32(v&15))) - m1
				y[l+32] = float32(d2*float32(int32(v>>4))) - m2
			}
		}
	}
}

// decodeQ5_K: d f16[2], dmin f16[2], scales[12], fifth bits[32], q[128]; as
// Q4_K, with bit 2j (2j+1) of fifth byte l for value l of half one (two).
func decodeQ5_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[176:] {
		d, dmin := FromF16(le.Uint16(src)), FromF16(le.Uint16(src[2:]))
		scales, high := (*[12]byte)(src[4:]), (*[32]byte)(src[16:])
		for j := range 4 {
			y, q := (*[64]float32)(dst[64*j:]), (*[32]byte)(src[48+32*j:])
			s1, m1 := scaleMin(scales, 2*j)
			s2, m2 := scaleMin(scales, 2*j+1)
			d1, d2, m1, m2 := d*s1, d*s2, dmin*m1, dmin*m2
			for l, v := range q {
				h := high[l] >> (2 * j)
				y[l] = float32(d1*float32(int32(v&15|h<<4&16))) - m1
				y[l+32] = float32(d2*float32(int32(v>>4|h<<3&16))) - m2
			}
		}
	}
}

// decodeQ6_K: low four bits[128], high two bits[64], scales int8[16], d f16[2];
// sub-blocks of 16 values; x = d*scale*(q - 32).
func decodeQ6_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[210:] {
		d := FromF16(le.Uint16(src[208:]))
		for half := range 2 {
			y, low := (*[128]float32)(dst[128*half:]), (*[64]byte)(src[64*half:])
			high, scales := (*[32]byte)(src[128+32*half:]), (*[8]byte)(src[192+8*half:])
			var s [8]float32
			for i, v := range scales {
				s[i] = d * float32(int8(v))
			}
			for l, h := range high {
				a, b, part := low[l], low[l+32], l>>4
				y[l] = s[part] * float32(int32(a&15|h<<4&48)-32)
				y[l+32] = s[part+2] * float32(int32(b&15|h<<2&48)-32)
				y[l+64] = s[part+4] * float32(int32(a>>4|h&48)-32)
				y[l+96] = s[part+6] * float32(int32(b>>4|h>>2&48)-32)
			}
		}
	}
}
