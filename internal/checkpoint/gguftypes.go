package checkpoint

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"moreau/internal/tensor"
)

const (
	ggufMagic = "GGUF"
	ggufAlign = 32 // of tensor data, where general.alignment does not say otherwise
	ggufDims  = 4  // GGML_MAX_DIMS
)

// The metadata types that are no numbers.
const (
	ggufString = 8
	ggufArray  = 9
)

// number is how one numeric metadata type is read.
type number struct {
	size int
	typ  reflect.Type
	one  func([]byte) any
	many func([]byte) any // of a whole number of items
}

// numberOf reads values of T, which binary knows how to lay out.
func numberOf[T any](size int) number {
	many := func(b []byte) []T {
		items := make([]T, len(b)/size)
		binary.Decode(b, binary.LittleEndian, items) // cannot fail: the length fits
		return items
	}
	return number{size, reflect.TypeFor[T](), func(b []byte) any { return many(b)[0] }, func(b []byte) any { return many(b) }}
}

// ggufNumbers holds the metadata types by their number in the file.
var ggufNumbers = map[uint32]number{
	0:  numberOf[uint8](1),
	1:  numberOf[int8](1),
	2:  numberOf[uint16](2),
	3:  numberOf[int16](2),
	4:  numberOf[uint32](4),
	5:  numberOf[int32](4),
	6:  numberOf[float32](4),
	7:  numberOf[bool](1),
	10: numberOf[uint64](8),
	11: numberOf[int64](8),
	12: numberOf[float64](8),
}

// ggufDTypes holds the tensor types by their number in the file (enum ggml_type).
var ggufDTypes = map[uint32]tensor.DType{
	0: tensor.F32, 1: tensor.F16, 2: tensor.Q4_0, 3: tensor.Q4_1, 6: tensor.Q5_0, 7: tensor.Q5_1,
	8: tensor.Q8_0, 12: tensor.Q4_K, 13: tensor.Q5_K, 14: tensor.Q6_K, 24: tensor.I8, 25: tensor.I16,
	26: tensor.I32, 27: tensor.I64, 28: tensor.F64, 30: tensor.BF16,
}

// ggufForeign names the tensor types that are refused.
var ggufForeign = map[uint32]string{
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
	20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}

// foreignName names a tensor type that is not in ggufDTypes.
func foreignName(t uint32) string {
	if name, ok := ggufForeign[t]; ok {
		return name
	}
	return fmt.Sprintf("number %d", t)
}
