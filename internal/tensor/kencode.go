package tensor

import "math"

// Encoders of the K-quants; layouts in kquants.go. Each sub-block finds its own
// scale (ksearch.go), the scales are rounded to multiples of one or two halves,
// and the values to multiples of the scales that came of it.

// encodeQ4_K: eight sub-blocks of 32 values with 6-bit scales and minima.
func encodeQ4_K(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[144:], src[256:] {
		l := searchLines(src, lines{most: 15, tries: 21, step: 0.1, from: -1}) // 14 to 16 multiples between the least value of the best line and the largest
		l.round(dst, src, 15)
		packNibblePairs(dst[16:], &l.q)
	}
}

// encodeQ5_K: as Q4_K, with 31 multiples.
func encodeQ5_K(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[176:], src[256:] {
		l := searchLines(src, lines{most: 31, tries: 16, step: 0.1, from: -0.5})
		l.round(dst, src, 31)
		packFifthBits(dst[16:], &l.q)
	}
}

// eightLines are the scales s·d and minima m·dmin of a block of 256 values.
type eightLines struct {
	q       [256]uint8 // quants, of sub-blocks whose scale came out as 0 what the search left
	d, dmin uint16
	s, m    [8]uint8
}

// searchLines finds those of a block.
func searchLines(src []float32, try lines) (l eightLines) {
	var scales, mins [8]float32
	for j := range 8 {
		scales[j], mins[j] = try.search((*[32]uint8)(l.q[32*j:]), (*[32]float32)(src[32*j:]))
	}
	l.d, l.s = sixBits(&scales)
	l.dmin, l.m = sixBits(&mins)
	return l
}

// round rounds values to 0..most multiples of the scales, and writes these.
func (l *eightLines) round(dst []byte, src []float32, most int32) {
	le.PutUint16(dst, l.d)
	le.PutUint16(dst[2:], l.dmin)
	packScaleMin((*[12]byte)(dst[4:]), &l.s, &l.m)
	for j := range 8 {
		if step := FromF16(l.d) * float32(l.s[j]); step != 0 {
			least := float32(FromF16(l.dmin) * float32(l.m[j]))
			for i, v := range src[32*j : 32*j+32] {
				l.q[32*j+i] = uint8(min(max(nearest((v+least)/step), 0), most))
			}
		}
	}
}

// packNibblePairs writes the low four bits of quants, in each 64 those of the first 32 low.
func packNibblePairs(dst []byte, q *[256]uint8) {
	for i := range 128 {
		at := i/32*64 + i%32
		dst[i] = q[at]&15 | q[at+32]<<4
	}
}

// packFifthBits writes the fifth bits of quants, bit b of byte l that of value 32b + l, then the low four.
func packFifthBits(dst []byte, q *[256]uint8) {
	for i, v := range q {
		dst[i%32] |= v >> 4 << (i / 32)
	}
	packNibblePairs(dst[32:], q)
}

// sixBits rounds values to multiples 0..63 of one half, a 63rd of the largest.
func sixBits(vals *[8]float32) (unit uint16, multiples [8]uint8) {
	var top float32
	for _, v := range vals {
		top = max(top, v)
	}
	if top > 0 {
		inv := 63 / top
		for j, v := range vals {
			multiples[j] = min(63, uint8(nearest(float32(inv*v))))
		}
	}
	return ToF16(top / 63), multiples
}

// packScaleMin is what scaleMin reads.
func packScaleMin(dst *[12]byte, scales, mins *[8]uint8) {
	for j := range 4 {
		s, m := scales[j+4], mins[j+4]
		dst[j] = scales[j] | s>>4<<6
		dst[j+4] = mins[j] | m>>4<<6
		dst[j+8] = s&15 | m<<4
	}
}

// encodeQ6_K: sixteen sub-blocks of 16 values with scales of 8 bits, the farthest of which is -128.
func encodeQ6_K(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[210:], src[256:] {
		var q [256]uint8 // value + 32
		var scales [16]float32
		for j := range scales {
			scales[j] = searchScale((*[16]uint8)(q[16*j:]), (*[16]float32)(src[16*j:]))
		}
		putQ6_K(dst, src, &q, &scales)
	}
}

// putQ6_K writes a block, which is zero, with the scales that its sub-blocks want; q are the quants of those
// whose scale comes out as 0.
func putQ6_K(dst []byte, src []float32, q *[256]uint8, scales *[16]float32) {
	far := farthest(scales[:])
	if abs(far) < tiny {
		return // dst is zero
	}
	inv := -128 / far
	d := ToF16(1 / inv)
	le.PutUint16(dst[208:], d)
	for j, v := range scales {
		s := int8(min(127, nearest(float32(inv*v))))
		dst[192+j] = byte(s)
		if step := FromF16(d) * float32(s); step != 0 {
			for i, v := range src[16*j : 16*j+16] {
				q[16*j+i] = uint8(clamp32(nearest(v/step)) + 32)
			}
		}
	}
	packSixBits(dst, q)
}

// packSixBits splits quants into low four and high two bits, as decodeQ6_K joins them.
func packSixBits(dst []byte, q *[256]uint8) {
	for half := range 2 {
		q, low, high := q[128*half:], dst[64*half:], dst[128+32*half:]
		for l := range 32 {
			a, b, c, d := q[l], q[l+32], q[l+64], q[l+96]
			low[l], low[l+32] = a&15|c<<4, b&15|d<<4
			high[l] = a>>4 | b>>4<<2 | c>>4<<4 | d>>4<<6
		}
	}
}

// clamp32 brings q into the 6-bit range of Q6_K.
func clamp32(q int32) int32 { return min(max(q, -32), 31) }

// nearest rounds to an integer below 2^22, ties to even: the addition moves the
// fraction out of the 23 bits that a float32 keeps.
func nearest(v float32) int32 {
	return int32(math.Float32bits(v+0x1.8p23)&0x7FFFFF) - 1<<22
}
