//go:build !noasm

package cpu

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var kernelSets = []*kernels{&setAMX, &setAVX512, &setAVX2, &generic}

// detect asks the processor.
func detect() machine {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA && hasF16C()
	avx512 := avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512BW
	m := machine{
		vendor: vendor(),
		family: family(),
		has: map[string]bool{
			"generic":    true,
			"avx2":       avx2,
			"avx512":     avx512,
			"avx512+amx": avx512 && x.HasAVX512BF16 && x.HasAMXTile && x.HasAMXBF16 && tilesAllowed(),
		},
		pairs: map[string]*pairKernels{"generic": &pairsGeneric},
	}
	if avx512 && x.HasAVX512BF16 {
		m.pairs["avx512"] = &pairsAVX512
	}
	return m
}

// hasF16C says whether halves are converted; every processor with AVX2 does that.
func hasF16C() bool {
	_, _, ecx, _ := cpuid(1)
	return ecx>>29&1 == 1
}

func vendor() string {
	_, ebx, ecx, edx := cpuid(0)
	name := [3]uint32{ebx, edx, ecx}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(&name)), 12))
}

// family with the extended family added, as vendors write it.
func family() int {
	eax, _, _, _ := cpuid(1)
	base, extended := int(eax>>8&0xF), int(eax>>20&0xFF)
	if base != 0xF {
		return base
	}
	return base + extended
}

// cpuid is the instruction, subleaf 0.
func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)
