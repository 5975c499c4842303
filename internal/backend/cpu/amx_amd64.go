//go:build !noasm

package cpu

// setAMX is AVX-512 with products on AMX tiles.
var setAMX = func() kernels {
	k := setAVX512
	k.name, k.tiles, k.split = "avx512+amx", &tilesAMX, &splitAMX
	return k
}()

var (
	tilesAMX = tileKernels{parts: 1, gemm: tilesBF16AMX, rows: rowsBF16AMX, columns: columnsBF16AMX, turn: turnAMX}
	splitAMX = tileKernels{parts: 3, gemm: tilesSplitAMX, rows: rowsSplitAMX, columns: columnsSplitAMX, turn: turnAMX}
)
