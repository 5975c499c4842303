package tensor

// Block types with one scale for 32 values, as ggml-quants.c dequantises them.
// The layouts are given as: field[bytes]. Low nibbles hold values 0..15, high
// nibbles values 16..31. float32(x*d) + m keeps the compiler from fusing the
// two operations, so that every machine gives the same bits.

// decodeQ4_0: d f16[2], q[16]; x = (q - 8) * d.
func decodeQ4_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[18:] {
		y, q := (*[32]float32)(dst), (*[16]byte)(src[2:])
		d := FromF16(le.Uint16(src))
		for j, v := range q {
			y[j] = float32(int32(v&15)-8) * d
			y[j+16] = float32(int32(v>>4)-8) * d
		}
	}
}

// decodeQ4_1: d f16[2], m f16[2], q[16]; x = q * d + m.
func decodeQ4_1(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[20:] {
		y, q := (*[32]float32)(dst), (*[16]byte)(src[4:])
		d, m := FromF16(le.Uint16(src)), FromF16(le.Uint16(src[2:]))
		for j, v := range q {
			y[j] = float32(float32(int32(v&15))*d) + m
			y[j+16] = float32(float32(int32(v>>4))*d) + m
		}
	}
}

// decodeQ5_0: d f16[2], fifth bits[4], q[16]; x = (q - 16) * d.
func decodeQ5_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[22:] {
		y, q := (*[32]float32)(dst), (*[16]byte)(src[6:])
		d, high := FromF16(le.Uint16(src)), le.Uint32(src[2:])
		for j, v := range q {
			y[j] = float32(int32(uint32(v&15)|high<<4&16)-16) * d
			y[j+16] = float32(int32(uint32(v>>4)|high>>12&16)-16) * d
			high >>= 1
		}
	}
}

// decodeQ5_1: d f16[2], m f16[2], fifth bits[4], q[16]; x = q * d + m.
func decodeQ5_1(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[24:] {
		y, q := (*[32]float32)(dst), (*[16]byte)(src[8:])
		d, m, high := FromF16(le.Uint16(src)), FromF16(le.Uint16(src[2:])), le.Uint32(src[4:])
		for j, v := range q {
			y[j] = float32(float32(int32(uint32(v&15)|high<<4&16))*d) + m
			y[j+16] = float32(float32(int32(uint32(v>>4)|high>>12&16))*d) + m
			high >>= 1
		}
	}
}

// decodeQ8_0: d f16[2], q int8[32]; x = q * d.
func decodeQ8_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[34:] {
		y, q := (*[32]float32)(dst), (*[32]byte)(src[2:])
		d := FromF16(le.Uint16(src))
		for j, v := range q {
			y[j] = float32(int32(int8(v))) * d
		}
	}
}
