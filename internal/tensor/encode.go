package tensor

import (
	"fmt"
	"math"
)

// Encode converts values to the bytes of an Encodable dtype: F32, F16 and BF16
// rounded to nearest even, block types to the very bytes of llama.cpp
// (quantize_row_*_ref of ggml-quants.c, x86-64, no importance matrix). Blocks do
// not depend on each other, so parts of a tensor can be encoded at once. It
// panics for any other dtype and for values that do not fill whole blocks.
//
// Blocks cannot hold NaN, infinities, or values whose scale is beyond F16: what
// they decode to is then not finite.
func Encode(d DType, src []float32) []byte {
	if !d.Encodable() || len(src)%d.BlockSize() != 0 {
		panic(fmt.Sprintf("tensor: cannot encode %d values as %s", len(src), d))
	}
	dst := make([]byte, len(src)/d.BlockSize()*d.BlockBytes())
	switch d {
	case Q4_0:
		encodeQ4_0(dst, src)
	case Q4_1:
		encodeQ4_1(dst, src)
	case Q5_0:
		encodeQ5_0(dst, src)
	case Q5_1:
		encodeQ5_1(dst, src)
	case Q8_0:
		encodeQ8_0(dst, src)
	case Q4_K:
		encodeQ4_K(dst, src)
	case Q5_K:
		encodeQ5_K(dst, src)
	case Q6_K:
		encodeQ6_K(dst, src)
	default:
		encodePlain(d, dst, src)
	}
	return dst
}

func encodePlain(d DType, dst []byte, src []float32) {
	for i, v := range src {
		switch d {
		case F32:
			le.PutUint32(dst[4*i:], math.Float32bits(v))
		case F16:
			le.PutUint16(dst[2*i:], ToF16(v))
		case BF16:
			le.PutUint16(dst[2*i:], ToBF16(v))
		}
	}
}

// FromFloat32 makes a tensor of an Encodable dtype from Count(shape) values.
func FromFloat32(d DType, shape []int, vals []float32) Tensor {
	return New(d, shape, Encode(d, vals))
}
