package tensor

import (
	"fmt"
	"math"
)

// Encode converts values to the bytes of F32, F16 or BF16, rounding to nearest
// even. It panics for any other dtype.
func Encode(d DType, src []float32) []byte {
	if !d.Float() {
		panic(fmt.Sprintf("tensor: cannot encode %s", d))
	}
	dst := make([]byte, len(src)*d.BlockBytes())
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
	return dst
}

// FromFloat32 makes a tensor of dtype F32, F16 or BF16 from Count(shape) values.
func FromFloat32(d DType, shape []int, vals []float32) Tensor {
	return New(d, shape, Encode(d, vals))
}
