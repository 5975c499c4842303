package cpu

import "math"

// gelu(x) by tanh is x·σ(y) with y = x·(geluLinear + geluCubic·x²), since
// (1 + tanh(z))/2 = σ(2z).
const (
	geluLinear = 2 * math.Sqrt2 / math.SqrtPi
	geluCubic  = 0.044715 * geluLinear
)

func gegluGeneric(out, gate, up []float32) {
	gate, up = gate[:len(out)], up[:len(out)]
	for i := range out {
		g := gate[i]
		out[i] = g * sigmoid32(g*(geluLinear+geluCubic*g*g)) * up[i]
	}
}

func gegluGradGeneric(dgate, dup, dout, gate, up []float32) {
	dup, dout, gate, up = dup[:len(dgate)], dout[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	for i := range dgate {
		g := gate[i]
		s, slope := sigmoid32(g*(geluLinear+geluCubic*g*g)), geluLinear+3*geluCubic*g*g
		gelu := g * s
		dup[i] += dout[i] * gelu
		dgate[i] += dout[i] * up[i] * (s + gelu*((1-s)*slope))
	}
}

func tanhGeneric(out, x []float32, scale, mul float32) {
	x = x[:len(out)]
	for i := range out {
		out[i] = mul * float32(math.Tanh(float64(scale*x[i])))
	}
}
