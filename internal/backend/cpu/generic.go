package cpu

import "math"

func dotGeneric(x, y []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	y = y[:len(x)]
	for len(x) >= 8 && len(y) >= 8 {
		s0, s1, s2, s3 = s0+x[0]*y[0], s1+x[1]*y[1], s2+x[2]*y[2], s3+x[3]*y[3]
		s4, s5, s6, s7 = s4+x[4]*y[4], s5+x[5]*y[5], s6+x[6]*y[6], s7+x[7]*y[7]
		x, y = x[8:], y[8:]
	}
	for i, v := range x {
		s0 += v * y[i]
	}
	return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
}

func maximumGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// Not inlined: where b is known to be 1, arm64 would fuse another product with the sum.
//
//go:noinline
func axpbyGeneric(y []float32, a float32, x []float32, b float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = a*x[i] + b*y[i]
	}
}

func mulGeneric(out []float32, a float32, x, y []float32) {
	x, y = x[:len(out)], y[:len(out)]
	for i := range out {
		out[i] = a * x[i] * y[i]
	}
}

func mulAddGeneric(out []float32, a float32, x, y []float32) {
	x, y = x[:len(out)], y[:len(out)]
	for i := range out {
		out[i] += a * x[i] * y[i]
	}
}

func rotateGeneric(x1, x2, cos, sin []float32, sign float32) {
	x2, cos, sin = x2[:len(x1)], cos[:len(x1)], sin[:len(x1)]
	for i := range x1 {
		a, b, c, s := x1[i], x2[i], cos[i], sign*sin[i]
		x1[i], x2[i] = a*c-b*s, b*c+a*s
	}
}

func perturbGeneric(dst, w, delta, z []float32, relative, absolute float32) {
	w, delta, z = w[:len(dst)], delta[:len(dst)], z[:len(dst)]
	for i := range dst {
		size := math.Float32frombits(math.Float32bits(w[i]) &^ (1 << 31))
		dst[i] = w[i] + delta[i] + (relative*size+absolute)*z[i]
	}
}

func dotRowsGeneric(out, x, rows []float32, stride int) {
	for r := range out {
		out[r] = dotGeneric(x, rows[r*stride:][:len(x)])
	}
}

func mixRowsGeneric(out, p, rows []float32, stride int) {
	clear(out)
	for r, v := range p {
		axpbyGeneric(out, v, rows[r*stride:][:len(out)], 1)
	}
}
