//go:build !noasm

package cpu

// setAMX is AVX-512 with products on AMX tiles.
var setAMX = func() kernels {
	k := setAVX512
	k.name, k.tiles = "avx512+amx", &tilesAMX
	return k
}()

var tilesAMX = tileKernels{gemm: tilesBF16AMX, rows: rowsBF16AMX, columns: columnsBF16AMX, turn: turnAMX}
