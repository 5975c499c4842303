package cpu

import "math"

// Draws are the Philox4x32-10 counter-based generator (Salmon, Moraes, Dror and
// Shaw, SC 2011: counter = block number and stream, key = seed), turned normal by
// Box-Muller. A group is drawGroup draws from blockGroup blocks of four words;
// words 0 and 1 of block j give draws 2j and 16+2j, words 2 and 3 draws 2j+1 and
// 17+2j. Logarithm, sine and cosine are polynomials evaluated with one rounding an
// operation, so every kernel set gives the same bits.
const (
	drawGroup  = 32
	blockGroup = 8
)

func normalGeneric(dst []float32, group, seed, stream uint64) {
	for len(dst) >= drawGroup {
		for j := range uint64(blockGroup) {
			w := philox(group*blockGroup+j, stream, seed)
			dst[2*j], dst[16+2*j] = boxMuller(w[0], w[1])
			dst[2*j+1], dst[17+2*j] = boxMuller(w[2], w[3])
		}
		dst = dst[drawGroup:]
		group++
	}
}

// philox is block number block of the stream.
func philox(block, stream, seed uint64) [4]uint32 {
	c0, c1, c2, c3 := uint32(block), uint32(block>>32), uint32(stream), uint32(stream>>32)
	k0, k1 := uint32(seed), uint32(seed>>32)
	for range 10 {
		p0, p1 := uint64(c0)*0xD2511F53, uint64(c2)*0xCD9E8D57
		c0, c1 = uint32(p1>>32)^c1^k0, uint32(p1)
		c2, c3 = uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return [4]uint32{c0, c1, c2, c3}
}

// boxMuller makes two independent normal draws of two random words. The lower 31
// bits of u are the radius; of v, bit 31 swaps sine and cosine, bit 30 is the sign
// of the cosine and the others are an angle within a quarter turn around 0.
func boxMuller(u, v uint32) (float32, float32) {
	uniform := (float32(u&math.MaxInt32) + 0.5) * (1. / (1 << 31))
	radius := sqrt32(-2 * log32(uniform))
	angle := float32(int32(v<<2)) * (math.Pi / 4 / (1 << 31))
	cos := math.Float32frombits(math.Float32bits(cos32(angle)) | v<<1&(1<<31))
	sin := sin32(angle)
	if v>>31 != 0 {
		cos, sin = sin, cos
	}
	return radius * cos, radius * sin
}

// log32 is ln(x) for normal x, within 1e-7 of it relative to max(1, |ln x|), by the
// polynomial of Cephes' logf.
func log32(x float32) float32 {
	const sqrtHalf = 0x3F3504F3 // bits of sqrt(1/2)
	i := math.Float32bits(x) - sqrtHalf
	exponent := float32(int32(i) >> 23)
	f := math.Float32frombits(i&(1<<23-1)+sqrtHalf) - 1
	z := f * f
	p := madd(7.0376836292e-2, f, -1.1514610310e-1)
	p = madd(p, f, 1.1676998740e-1)
	p = madd(p, f, -1.2420140846e-1)
	p = madd(p, f, 1.4249322787e-1)
	p = madd(p, f, -1.6668057665e-1)
	p = madd(p, f, 2.0000714765e-1)
	p = madd(p, f, -2.4999993993e-1)
	p = madd(p, f, 3.3333331174e-1)
	p = madd(float32(p*f), z, float32(-0.5*z))
	return madd(exponent, math.Ln2, p+f)
}

// sin32 is sin(x) for |x| <= pi/4, by the polynomial of Cephes' sinf.
func sin32(x float32) float32 {
	z := x * x
	p := madd(-1.9515295891e-4, z, 8.3321608736e-3)
	p = madd(p, z, -1.6666654611e-1)
	return madd(float32(p*z), x, x)
}

// cos32 is cos(x) for |x| <= pi/4, by the polynomial of Cephes' cosf.
func cos32(x float32) float32 {
	z := x * x
	p := madd(2.443315711809948e-5, z, -1.388731625493765e-3)
	p = madd(p, z, 4.166664568298827e-2)
	p = madd(p, z, -0.5)
	return madd(p, z, 1)
}

// madd is a·b + c in two roundings: the conversion forbids the compiler a fused
// multiply-add, which would give other bits.
func madd(a, b, c float32) float32 { return float32(a*b) + c }

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
