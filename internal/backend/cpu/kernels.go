package cpu

import "moreau/internal/tensor"

// microKernel makes a micro-tile of c from a panel of a and one of b.
type microKernel func(c []float32, ldc int, a, b []float32, k int, add bool)

// storedDots: out[r] = Σ x·w over row r, for len(out) rows of len(x) values, one behind the
// other, as a type stores them. Rows are whole blocks; there is at least one value.
type storedDots func(out, x []float32, w []byte)

// storedDecoder decodes w to out, as tensor.Decode: whole blocks, and a multiple of 32 values.
type storedDecoder func(out []float32, w []byte)

// kernels is one set of inner loops. Slices of one call have the same length
// unless said; none need be aligned, and outputs may be inputs. Each has a
// portable twin in generic*.go, the oracle of the tests.
type kernels struct {
	name string

	// mr and nr are the rows and columns of the micro-tile of gemm.
	mr, nr int
	// gemm: c[i*ldc+j] = Σ_l a[l*mr+i]·b[l*nr+j] for l < k; plus c itself with add.
	gemm microKernel
	// copyRows: dst[j*width+i] = src[j*lds+i] for i < width (mr or nr), j < n.
	copyRows func(dst []float32, width int, src []float32, lds, n int)
	// transpose4: dst[j*ldd+i] = src[i*lds+j] for i < 4, j < n.
	transpose4 func(dst []float32, ldd int, src []float32, lds, n int)

	// dot is Σ x·y in several float32 accumulators.
	dot func(x, y []float32) float32
	// maximum is the largest value, -Inf of none; NaNs may be passed over.
	maximum func(x []float32) float32
	// axpby: y = a·x + b·y.
	axpby func(y []float32, a float32, x []float32, b float32)
	// mul: out = a·x·y.
	mul func(out []float32, a float32, x, y []float32)
	// mulAdd: out += a·x·y.
	mulAdd func(out []float32, a float32, x, y []float32)
	// exp: out = mul·exp(scale·x - shift), returning the sum of out.
	exp func(out, x []float32, scale, shift, mul float32) float32
	// swiglu: out = silu(gate)·up.
	swiglu func(out, gate, up []float32)
	// swigluGrad adds the gradients of swiglu to dgate and dup.
	swigluGrad func(dgate, dup, dout, gate, up []float32)
	// geglu: out = gelu(gate)·up, gelu by tanh.
	geglu func(out, gate, up []float32)
	// gegluGrad adds the gradients of geglu to dgate and dup.
	gegluGrad func(dgate, dup, dout, gate, up []float32)
	// tanh: out = mul·tanh(scale·x).
	tanh func(out, x []float32, scale, mul float32)
	// rotate: x1, x2 = x1·cos - sign·x2·sin, x2·cos + sign·x1·sin.
	rotate func(x1, x2, cos, sin []float32, sign float32)
	// perturb: dst = w + delta + (relative·|w| + absolute)·z.
	perturb func(dst, w, delta, z []float32, relative, absolute float32)
	// normal fills len(dst)/drawGroup groups of draws, from group number group on.
	normal func(dst []float32, group, seed, stream uint64)
	// round: out = x rounded to bf16, ties to even; NaN stays NaN.
	round func(out, x []float32)
	// dotRows: out[r] = Σ x·y with y the len(x) values of rows from r*stride on, each as dot.
	dotRows func(out, x, rows []float32, stride int)
	// mixRows: out = Σ_r p[r]·y, r in order, with y the len(out) values of rows from r*stride on.
	mixRows func(out, p, rows []float32, stride int)
	// storedDots by type; rows of other types are decoded first.
	storedDots map[tensor.DType]storedDots
	// storedDecoders by type; tensor.Decode decodes others.
	storedDecoders map[tensor.DType]storedDecoder
	// tiles multiply bf16, and split float32 in parts; nil: there are none.
	tiles, split *tileKernels
}

// pairKernels are what products of bf16 need beside kernels: a value of the packed
// form is a pair, the bf16 of l and l+1 of the common dimension in its lower and
// upper half.
type pairKernels struct {
	// gemmPairs is gemm on pairs; it may take subnormals for 0.
	gemmPairs microKernel
	// pairs4: dst[j*ldd+i] = pair of src[i*lds+2j] and the next, for i < 4, j < n.
	pairs4 func(dst []float32, ldd int, src []float32, lds, n int)
	// pairRows: dst[j*width+i] = pair of src[2j*lds+i] and src[(2j+1)*lds+i], for i < width, j < n.
	pairRows func(dst []float32, width int, src []float32, lds, n int)
}

var generic = kernels{
	name: "generic",
	mr:   2, nr: 4,
	gemm:       gemmGeneric,
	copyRows:   copyRowsGeneric,
	transpose4: transpose4Generic,
	dot:        dotGeneric,
	maximum:    maximumGeneric,
	axpby:      axpbyGeneric,
	mul:        mulGeneric,
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
	dotRows:    dotRowsGeneric,
	mixRows:    mixRowsGeneric,
}
