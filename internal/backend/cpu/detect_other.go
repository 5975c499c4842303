//go:build (!amd64 && !arm64) || noasm

package cpu

var kernelSets = []*kernels{&generic}

func detect() machine {
	return machine{has: map[string]bool{"generic": true}, pairs: map[string]*pairKernels{"generic": &pairsGeneric}}
}
