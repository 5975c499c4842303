// Asmgen writes the amd64 assembly of the cpu backend: every kernel once for AVX2
// and once for AVX-512, from one text in which V0 to V15 are vector registers of
// either width. It runs in the package's folder, by go generate.
package main

import (
	"log"
	"os"
	"slices"
)

func main() {
	for name, content := range files() {
		if err := os.WriteFile(name, content, 0o666); err != nil {
			log.Fatal(err)
		}
	}
}

// files are the generated files by name.
func files() map[string][]byte {
	return map[string][]byte{
		"avx2_amd64.s":          assembly(avx2, slices.Concat(kernels, shared, storedDots, storedDecoders)),
		"avx512_amd64.s":        assembly(avx512, slices.Concat(kernels, bf16, storedDots, storedDecoders)),
		"amx_amd64.s":           assembly(onTiles, amx),
		"declarations_amd64.go": declarations(),
	}
}

// shared are written for AVX2 only and serve AVX-512 as well.
var shared = []kernel{copyRows, transpose4}

// kernels are written for both instruction sets, in this order.
var kernels = []kernel{
	gemm, dot, maximum, axpby, mul, mulAdd, exp, swiglu, swigluGrad, geglu, gegluGrad, tanh, rotate, perturb, normal,
	round, dotRows, mixRows,
}
