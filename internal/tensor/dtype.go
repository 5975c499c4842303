package tensor

import (
	"fmt"
	"math/bits"
)

// DType names the encoding of a tensor's values.
type DType uint8

// The encodings that can be stored. The block types are those of ggml: a
// block of values shares one or two scales.
const (
	F32 DType = iota
	F16
	BF16
	F64
	I8
	U8
	I16
	I32
	I64
	Bool
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q4_K
	Q5_K
	Q6_K
)

// dtypes describes every encoding: its name, the values of one block and the
// bytes of one block. Block sizes are those of ggml-common.h.
var dtypes = [...]struct {
	name          string
	values, bytes int
}{
	F32:  {"F32", 1, 4},
	F16:  {"F16", 1, 2},
	BF16: {"BF16", 1, 2},
	F64:  {"F64", 1, 8},
	I8:   {"I8", 1, 1},
	U8:   {"U8", 1, 1},
	I16:  {"I16", 1, 2},
	I32:  {"I32", 1, 4},
	I64:  {"I64", 1, 8},
	Bool: {"BOOL", 1, 1},
	Q4_0: {"Q4_0", 32, 18},
	Q4_1: {"Q4_1", 32, 20},
	Q5_0: {"Q5_0", 32, 22},
	Q5_1: {"Q5_1", 32, 24},
	Q8_0: {"Q8_0", 32, 34},
	Q4_K: {"Q4_K", 256, 144},
	Q5_K: {"Q5_K", 256, 176},
	Q6_K: {"Q6_K", 256, 210},
}

// ParseDType finds an encoding by the name that String gives it.
func ParseDType(name string) (DType, error) {
	for d, row := range dtypes {
		if row.name == name {
			return DType(d), nil
		}
	}
	return 0, fmt.Errorf("tensor: unknown dtype %q", name)
}

// String is the name used by safetensors (F32, BOOL) and ggml (Q4_K).
func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].name
}

// BlockSize is the number of values that are encoded together; 1 for plain types.
func (d DType) BlockSize() int { return dtypes[d].values }

// BlockBytes is the size in bytes of one block of BlockSize values.
func (d DType) BlockBytes() int { return dtypes[d].bytes }

// Float reports whether d is one of the types a model is trained in: F32, F16, BF16.
func (d DType) Float() bool { return d <= BF16 }

// Unpacked is the type that values of d are kept in once they are changed: d itself, float32 for blocks.
func (d DType) Unpacked() DType {
	if d.Float() {
		return d
	}
	return F32
}

// Quantized reports whether d encodes blocks of values with shared scales.
func (d DType) Quantized() bool { return dtypes[d].values > 1 }

// Coarse says that values have at most eight significant bits, but for a scale that a block of them shares:
// all types of weights but float32, float64 and float16.
func (d DType) Coarse() bool { return d == BF16 || d.Quantized() }

// Decodable reports whether Decode understands d: every type of real numbers.
func (d DType) Decodable() bool { return d <= F64 || d.Quantized() }

// Encodable reports whether Encode writes d: F32, F16, BF16 and the block types
// that llama.cpp uses most.
func (d DType) Encodable() bool {
	switch d {
	case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K:
		return true
	}
	return d.Float()
}

// Bytes is the size in bytes of a tensor of this shape. It fails when a
// dimension is negative, when the size overflows, or when the last axis is not
// a whole number of blocks; a zero dimension gives 0 bytes.
func (d DType) Bytes(shape []int) (int, error) {
	if int(d) >= len(dtypes) {
		return 0, fmt.Errorf("tensor: unknown dtype %s", d)
	}
	n := uint64(1)
	for _, s := range shape {
		if s < 0 {
			return 0, fmt.Errorf("tensor: negative dimension in shape %v", shape)
		}
		hi, lo := bits.Mul64(n, uint64(s))
		if hi != 0 || lo > 1<<56 { // 2^56 values times 8 bytes still fits an int
			return 0, fmt.Errorf("tensor: shape %v is too large", shape)
		}
		n = lo
	}
	block := d.BlockSize()
	if block > 1 && (len(shape) == 0 || shape[len(shape)-1]%block != 0) {
		return 0, fmt.Errorf("tensor: last axis of shape %v is no multiple of %d, the block size of %s", shape, block, d)
	}
	return int(n) / block * d.BlockBytes(), nil
}
