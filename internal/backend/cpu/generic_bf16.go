package cpu

import "math"

// pairsGeneric go with the generic set: the oracle of faster ones. Unpacking pairs
// makes them slower than float32, so the table never gives them.
var pairsGeneric = pairKernels{
	gemmPairs: gemmPairsGeneric,
	pairs4:    pairs4Generic,
	pairRows:  pairRowsGeneric,
}

// roundedBits is x rounded to bf16 in the upper half: half of the last bit kept is
// added before the lower half goes, less one where that bit is 0. A NaN, which the
// sum might turn into something else, gets the quiet bit instead.
func roundedBits(x float32) uint32 {
	bits := math.Float32bits(x)
	if x != x {
		return bits&^0xFFFF | 1<<22
	}
	return (bits + 0x7FFF + bits>>16&1) &^ 0xFFFF
}

func roundGeneric(out, x []float32) {
	x = x[:len(out)]
	for i, v := range x {
		out[i] = math.Float32frombits(roundedBits(v))
	}
}

// pair holds the bf16 of both in its lower and upper half.
func pair(lower, upper float32) float32 {
	return math.Float32frombits(roundedBits(upper) | roundedBits(lower)>>16)
}

// unpair gives the values of a pair.
func unpair(x float32) (lower, upper float32) {
	bits := math.Float32bits(x)
	return math.Float32frombits(bits << 16), math.Float32frombits(bits &^ 0xFFFF)
}

// gemmPairsGeneric adds, for each pair, the even product first.
func gemmPairsGeneric(c []float32, ldc int, a, b []float32, k int, add bool) {
	const mr, nr = 2, 4
	var tile [mr][nr]float32
	for l := range k {
		for i, x := range a[l*mr : (l+1)*mr] {
			x0, x1 := unpair(x)
			for j, y := range b[l*nr : (l+1)*nr] {
				y0, y1 := unpair(y)
				tile[i][j] = tile[i][j] + x0*y0 + x1*y1
			}
		}
	}
	for i := range tile {
		store(c[i*ldc:], tile[i][:], add)
	}
}

func pairs4Generic(dst []float32, ldd int, src []float32, lds, n int) {
	for i := range 4 {
		for j := range n {
			dst[j*ldd+i] = pair(src[i*lds+2*j], src[i*lds+2*j+1])
		}
	}
}

func pairRowsGeneric(dst []float32, width int, src []float32, lds, n int) {
	for j := range n {
		for i := range width {
			dst[j*width+i] = pair(src[2*j*lds+i], src[(2*j+1)*lds+i])
		}
	}
}
