package cpu

import "math"

// exp32 is exp(x) within an ulp of float32, by 2^n·exp(r) with |r| <= ln(2)/2 and
// the Taylor polynomial of exp(r) in float64. Overflow gives +Inf, underflow
// denormals and then 0; NaN stays NaN.
func exp32(x float32) float32 {
	const magic = 3 << 51 // adding it rounds to an integer
	d := float64(x)
	if d < -104 {
		return 0
	}
	if d > 89 {
		return float32(math.Inf(1))
	}
	n := d*math.Log2E + magic
	scale := math.Float64frombits((math.Float64bits(n) + 1023) << 52)
	n -= magic
	r := d - n*math.Ln2
	p := 1 + r*(1+r*(1./2+r*(1./6+r*(1./24+r*(1./120+r*(1./720+r/5040))))))
	return float32(p * scale)
}

func expGeneric(out, x []float32, scale, shift, mul float32) float32 {
	var sum float64
	x = x[:len(out)]
	for i := range out {
		v := mul * exp32(scale*x[i]-shift)
		out[i] = v
		sum += float64(v)
	}
	return float32(sum)
}

func sigmoid32(x float32) float32 { return 1 / (1 + exp32(-x)) }

func swigluGeneric(out, gate, up []float32) {
	gate, up = gate[:len(out)], up[:len(out)]
	for i := range out {
		out[i] = gate[i] * sigmoid32(gate[i]) * up[i]
	}
}

func swigluGradGeneric(dgate, dup, dout, gate, up []float32) {
	dup, dout, gate, up = dup[:len(dgate)], dout[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	for i := range dgate {
		g, s := gate[i], sigmoid32(gate[i])
		silu := g * s
		dup[i] += dout[i] * silu
		dgate[i] += dout[i] * up[i] * (s + silu*(1-s))
	}
}
