package tensor

import "math"

// Searches for the scales of K-quants. Both try a range of scales: round the
// values, lay the best line through what they were rounded to, and keep the line
// with the least weighted error. Order and precision of every operation are
// those of make_qkx2_quants and make_qx_quants of ggml-quants.c, so that the
// results are the same; float32(x*y) keeps the compiler from fusing.

// tiny is the largest value that counts as zero (GROUP_MAX_EPS).
const tiny = 1e-15

// lines are those that are tried, with quants of 0..most: the first has most + from
// multiples between the least value and the largest, each other step more.
type lines struct {
	most       float32
	tries      int
	step, from float32
}

// search finds the scale and the minimum, both at least 0, for which x is
// closest to scale*q - minimum. Large values weigh more: by |x| + RMS(x).
func (l lines) search(q *[32]uint8, x *[32]float32) (scale, minimum float32) {
	var w [32]float32
	weigh(&w, x)
	return l.weighted(q, x, &w)
}

// weighted is search with given weights.
func (l lines) weighted(q *[32]uint8, x, w *[32]float32) (scale, minimum float32) {
	var sumW, sumX float32
	for i, v := range x {
		sumW += w[i]
		sumX += float32(w[i] * v)
	}
	lo, hi := bounds(x[:])
	if lo > 0 {
		lo = 0
	}
	if hi == lo {
		*q = [32]uint8{}
		return 0, -lo
	}
	inv := l.most / (hi - lo)
	l.roundAll(q, x, lo, inv)
	scale = 1 / inv
	best := lineError(q, x, w, scale, lo)
	for n := range l.tries {
		var try [32]uint8
		l.roundAll(&try, x, lo, (l.from+float32(l.step*float32(n))+l.most)/(hi-lo))
		s, least, ok := fitLine(&try, x, w, sumW, sumX)
		if !ok {
			continue
		}
		if e := lineError(&try, x, w, s, least); e < best {
			*q, best, scale, lo = try, e, s, least
		}
	}
	return scale, -lo
}

// weigh gives each value the weight |x| + RMS(x).
func weigh(w, x *[32]float32) {
	var squares float32
	for _, v := range x {
		squares += float32(v * v)
	}
	rms := float32(math.Sqrt(float64(squares / 32)))
	for i, v := range x {
		w[i] = rms + abs(v)
	}
}

// roundAll sets q to the multiples 0..most of 1/inv above lo.
func (l lines) roundAll(q *[32]uint8, x *[32]float32, lo, inv float32) {
	for i, v := range x {
		q[i] = uint8(min(max(nearest(float32(inv*(v-lo))), 0), int32(l.most)))
	}
}

// fitLine lays scale*q + least through x by weighted least squares; a least
// above 0 becomes 0. It fails where all q are the same.
func fitLine(q *[32]uint8, x, w *[32]float32, sumW, sumX float32) (scale, least float32, ok bool) {
	var sumQ, sumQQ, sumXQ float32
	for i, v := range x {
		l := float32(int32(q[i]))
		wl := float32(w[i] * l)
		sumQ += wl
		sumQQ += float32(wl * l)
		sumXQ += float32(wl * v)
	}
	det := float32(sumW*sumQQ) - float32(sumQ*sumQ)
	if !(det > 0) {
		return 0, 0, false
	}
	scale = (float32(sumW*sumXQ) - float32(sumX*sumQ)) / det
	least = (float32(sumQQ*sumX) - float32(sumQ*sumXQ)) / det
	if least > 0 {
		return sumXQ / sumQQ, 0, true
	}
	return scale, least, true
}

// lineError is the weighted squared error of scale*q + least.
func lineError(q *[32]uint8, x, w *[32]float32, scale, least float32) float32 {
	var sum float32
	for i, v := range x {
		diff := float32(scale*float32(int32(q[i]))) + least - v
		sum += float32(w[i] * float32(diff*diff))
	}
	return sum
}

// searchScale finds the scale for which x is closest to scale*(q - 32), each
// value weighing x*x. It has the sign that makes the farthest value negative.
func searchScale(q *[16]uint8, x *[16]float32) (scale float32) {
	far := farthest(x[:])
	if abs(far) < tiny {
		*q = [16]uint8{}
		return 0
	}
	var best float32
	for _, steps := range scaleSteps {
		var try [16]uint8
		inv := -(32 + float32(0.1*steps)) / far
		xq, qq := roundScaled(&try, x, inv)
		if steps == 0 || qq > 0 && float32(xq*xq) > float32(best*qq) {
			*q, scale = try, 0
			if qq != 0 {
				scale = xq / qq
			}
			best = float32(scale * xq)
		}
	}
	return scale
}

// scaleSteps are the scales tried, in tenths of a quant at the farthest value: the plain one first.
var scaleSteps = [...]float32{0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9}

// roundScaled sets q to the multiples of 1/inv and sums up x*q and q*q by weight.
func roundScaled(q *[16]uint8, x *[16]float32, inv float32) (xq, qq float32) {
	for i, v := range x {
		n := clamp32(nearest(float32(inv * v)))
		q[i] = uint8(n + 32)
		l, w := float32(n), float32(v*v)
		xq += float32(float32(w*v) * l)
		qq += float32(float32(w*l) * l)
	}
	return xq, qq
}
