//go:build !noasm

package cpu

var kernelSets = []*kernels{&setNEON, &generic}

// detect needs to ask nobody: every arm64 processor has NEON.
func detect() machine {
	return machine{
		has:   map[string]bool{"generic": true, "neon": true},
		pairs: map[string]*pairKernels{"generic": &pairsGeneric},
	}
}

// setNEON has the kernels that most of the time goes to, and portable ones.
var setNEON = kernels{
	name: "neon",
	mr:   8, nr: 12,
	gemm:       gemmNEON,
	copyRows:   copyRowsGeneric,
	transpose4: transpose4Generic,
	dot:        dotNEON,
	maximum:    maximumGeneric,
	axpby:      axpbyNEON,
	mul:        mulNEON,
	mulAdd:     mulAddGeneric,
	exp:        expGeneric,
	swiglu:     swigluGeneric,
	swigluGrad: swigluGradGeneric,
	geglu:      gegluGeneric,
	gegluGrad:  gegluGradGeneric,
	tanh:       tanhGeneric,
	rotate:     rotateGeneric,
	perturb:    perturbGeneric,
	normal:     normalGeneric,
	round:      roundGeneric,
	dotRows:    dotRowsNEON,
	mixRows:    mixRowsNEON,
}

// blocks is how many of n values are in whole blocks of 16, which assembly takes.
func blocks(n int) int { return n &^ 15 }

func dotNEON(x, y []float32) float32 {
	n := blocks(len(x))
	return dotBlocks(x[:n], y[:n]) + dotGeneric(x[n:], y[n:])
}

func axpbyNEON(y []float32, a float32, x []float32, b float32) {
	n := blocks(len(y))
	axpbyBlocks(y[:n], a, x[:n], b)
	axpbyGeneric(y[n:], a, x[n:], b)
}

func mulNEON(out []float32, a float32, x, y []float32) {
	n := blocks(len(out))
	mulBlocks(out[:n], a, x[:n], y[:n])
	mulGeneric(out[n:], a, x[n:], y[n:])
}

func dotRowsNEON(out, x, rows []float32, stride int) {
	for r := range out {
		out[r] = dotNEON(x, rows[r*stride:][:len(x)])
	}
}

func mixRowsNEON(out, p, rows []float32, stride int) {
	clear(out)
	for r, v := range p {
		axpbyNEON(out, v, rows[r*stride:][:len(out)], 1)
	}
}

//go:noescape
func gemmNEON(c []float32, ldc int, a, b []float32, k int, add bool)

//go:noescape
func dotBlocks(x, y []float32) float32

//go:noescape
func axpbyBlocks(y []float32, a float32, x []float32, b float32)

//go:noescape
func mulBlocks(out []float32, a float32, x, y []float32)
