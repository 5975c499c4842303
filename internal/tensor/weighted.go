package tensor

import (
	"fmt"
	"math"
)

// EncodeWeighted is Encode of rows of len(importance) values, in which errors of a column weigh by its
// importance, the mean square of what multiplies it: the very bytes of llama.cpp with an importance
// matrix (quantize_row_*_impl of ggml-quants.c, x86-64). Q8_0 makes no use
// of it. It panics where Encode does and where rows are not whole.
func EncodeWeighted(d DType, src, importance []float32) []byte {
	encode := map[DType]func(dst []byte, src, importance []float32){Q4_0: weightedQ4_0, Q4_1: weightedQ4_1, Q5_0: weightedQ5_0, Q5_1: weightedQ5_1,
		Q4_K: weightedQ4_K, Q5_K: weightedQ5_K, Q6_K: weightedQ6_K}[d]
	if encode == nil {
		return Encode(d, src)
	}
	n := len(importance)
	if n == 0 || n%d.BlockSize() != 0 || len(src)%n != 0 {
		panic(fmt.Sprintf("tensor: cannot encode %d values in rows of %d as %s", len(src), n, d))
	}
	size := n / d.BlockSize() * d.BlockBytes()
	dst := make([]byte, len(src)/n*size)
	for row := range len(src) / n {
		encode(dst[row*size:(row+1)*size], src[row*n:(row+1)*n], importance)
	}
	return dst
}

// weighByImportance sets w to importance · sqrt(sigma2 + x²).
func weighByImportance(w, x, importance []float32, sigma2 float32) {
	for i, v := range x {
		w[i] = float32(importance[i] * float32(math.Sqrt(float64(sigma2+float32(v*v)))))
	}
}

func sumOfSquares(x []float32) (sum float32) {
	for _, v := range x {
		sum += float32(v * v)
	}
	return sum
}

// eachBlock calls put for each 32 values of a row with their weights; blocks have so many bytes.
func eachBlock(dst []byte, src, importance []float32, bytes int, put func(dst []byte, x, w *[32]float32)) {
	sigma2 := sumOfSquares(src) / float32(len(src))
	for ; len(src) > 0; dst, src, importance = dst[bytes:], src[32:], importance[32:] {
		var w [32]float32
		weighByImportance(w[:], src[:32], importance, sigma2)
		put(dst, (*[32]float32)(src), &w)
	}
}

func weightedQ4_0(dst []byte, src, importance []float32) {
	eachBlock(dst, src, importance, 18, func(dst []byte, x, w *[32]float32) {
		var q [32]uint8
		le.PutUint16(dst, ToF16(weightedScale(q[:], x[:], w[:], 8)))
		packHalves(dst[2:], &q)
	})
}

func weightedQ4_1(dst []byte, src, importance []float32) {
	eachBlock(dst, src, importance, 20, func(dst []byte, x, w *[32]float32) {
		q := weightedScaleMin(dst, x, w, 15)
		packHalves(dst[4:], &q)
	})
}

func weightedQ5_0(dst []byte, src, importance []float32) {
	eachBlock(dst, src, importance, 22, func(dst []byte, x, w *[32]float32) {
		var q [32]uint8
		le.PutUint16(dst, ToF16(weightedScale(q[:], x[:], w[:], 16)))
		packFiveBits(dst[2:], &q)
	})
}

func weightedQ5_1(dst []byte, src, importance []float32) {
	eachBlock(dst, src, importance, 24, func(dst []byte, x, w *[32]float32) {
		q := weightedScaleMin(dst, x, w, 31)
		packFiveBits(dst[4:], &q)
	})
}

// weightedScaleMin writes the scale and the least value of a block.
func weightedScaleMin(dst []byte, x, w *[32]float32, most float32) (q [32]uint8) {
	scale, minimum := weightedLines(most).weighted(&q, x, w)
	le.PutUint16(dst, ToF16(scale))
	le.PutUint16(dst[2:], ToF16(-minimum))
	return q
}

// packHalves puts quants of four bits of q[j] and q[j+16] into byte j.
func packHalves(dst []byte, q *[32]uint8) {
	for j := range 16 {
		dst[j] = q[j] | q[j+16]<<4
	}
}

func weightedQ4_K(dst []byte, src, importance []float32) {
	for ; len(src) > 0; dst, src, importance = dst[144:], src[256:], importance[256:] {
		l := searchWeighted(src[:256], importance, 15)
		l.round(dst, src[:256], 15)
		packNibblePairs(dst[16:], &l.q)
	}
}

func weightedQ5_K(dst []byte, src, importance []float32) {
	for ; len(src) > 0; dst, src, importance = dst[176:], src[256:], importance[256:] {
		l := searchWeighted(src[:256], importance, 31)
		l.round(dst, src[:256], 31)
		packFifthBits(dst[16:], &l.q)
	}
}

// searchWeighted is searchLines with weights.
func searchWeighted(src, importance []float32, most float32) (l eightLines) {
	var scales, mins, sums [8]float32
	sigma2 := float32(2*sumOfSquares(src[:256])) / 256
	for j := range 8 {
		var w [32]float32
		weighByImportance(w[:], src[32*j:32*j+32], importance[32*j:], sigma2)
		for _, v := range w {
			sums[j] += v
		}
		scales[j], mins[j] = weightedLines(most).weighted((*[32]uint8)(l.q[32*j:]), (*[32]float32)(src[32*j:]), &w)
	}
	var d, dmin float32
	d, l.s = weightedSixBits(&scales, &sums)
	dmin, l.m = weightedSixBits(&mins, &sums)
	l.d, l.dmin = ToF16(d), ToF16(dmin)
	return l
}

func weightedQ6_K(dst []byte, src, importance []float32) {
	for ; len(src) > 0; dst, src, importance = dst[210:], src[256:], importance[256:] {
		var q [256]uint8
		var scales [16]float32
		for j := range scales {
			scales[j] = weightedScale(q[16*j:16*j+16], src[16*j:16*j+16], importance[16*j:16*j+16], 32)
		}
		putQ6_K(dst, src[:256], &q, &scales)
	}
}

// weightedScale is searchScale with given weights, for quants of -most..most-1 (make_qx_quants).
func weightedScale(q []uint8, x, w []float32, most int32) (scale float32) {
	far := farthest(x)
	if abs(far) < tiny {
		clear(q)
		return 0
	}
	var best float32
	for _, steps := range scaleSteps {
		var xq, qq float32
		inv := -(float32(most) + float32(0.1*steps)) / far
		quant := func(v float32) int32 { return min(max(nearest(float32(inv*v)), -most), most-1) }
		for i, v := range x {
			l := float32(quant(v))
			xq += float32(float32(w[i]*v) * l)
			qq += float32(float32(w[i]*l) * l)
		}
		if steps == 0 || qq > 0 && float32(xq*xq) > float32(best*qq) {
			for i, v := range x {
				q[i] = uint8(quant(v) + most)
			}
			scale = 0
			if qq != 0 {
				scale = xq / qq
			}
			best = float32(scale * xq)
		}
	}
	return scale
}

// weightedLines are those that are tried with importance (make_qkx3_quants).
func weightedLines(most float32) lines { return lines{most: most, tries: 37, step: 0.05, from: -0.9} }

// weightedSixBits rounds values of at least 0 to multiples 0..63 of a unit, so that their weighted
// squared error is small (make_qp_quants).
func weightedSixBits(vals, w *[8]float32) (unit float32, multiples [8]uint8) {
	var top float32
	for _, v := range vals {
		top = max(top, v)
	}
	if top < tiny {
		return 0, multiples
	}
	inv := nearestUnit(vals, w, top)
	var xq, qq float32
	for i, v := range vals {
		multiples[i] = uint8(min(63, nearest(float32(inv*v))))
		l := float32(multiples[i])
		xq += float32(float32(w[i]*v) * l)
		qq += float32(float32(w[i]*l) * l)
	}
	for range 5 {
		if !moveMultiples(&multiples, vals, w, &xq, &qq) {
			break
		}
	}
	if qq > 0 {
		return xq / qq, multiples
	}
	return 0, multiples
}

// nearestUnit is one over the unit, of nine, with the least weighted squared error.
func nearestUnit(vals, w *[8]float32, top float32) (inv float32) {
	var best float32
	for _, steps := range [...]float32{0, -4, -3, -2, -1, 1, 2, 3, 4} {
		try := (float32(0.1*steps) + 63) / top
		unit, e := 1/try, float32(0)
		for i, v := range vals {
			l := nearest(float32(try * v))
			if steps != 0 {
				l = min(63, l)
			}
			diff := v - float32(unit*float32(l))
			e += float32(float32(w[i]*diff) * diff)
		}
		if steps == 0 || e < best {
			best, inv = e, try
		}
	}
	return inv
}

// moveMultiples moves each multiple to where it is best under the unit of the others, and says
// whether any moved.
func moveMultiples(multiples *[8]uint8, vals, w *[8]float32, xq, qq *float32) (moved bool) {
	for i, v := range vals {
		l := float32(multiples[i])
		sx, sq := *xq-float32(float32(w[i]*v)*l), *qq-float32(float32(w[i]*l)*l)
		if !(sx > 0 && sq > 0) {
			continue
		}
		n := min(63, nearest(float32(v*sq)/sx))
		if n == int32(multiples[i]) {
			continue
		}
		l = float32(n)
		sx += float32(float32(w[i]*v) * l)
		sq += float32(float32(w[i]*l) * l)
		if float32(float32(sx*sx)**qq) > float32(float32(*xq**xq)*sq) {
			multiples[i], *xq, *qq, moved = uint8(n), sx, sq, true
		}
	}
	return moved
}
