// Package tensor holds host tensors exactly as a checkpoint stores them: a
// dtype, a shape and the raw little-endian bytes, with conversion to and from
// float32 and selection along an axis.
package tensor

import "fmt"

// Tensor is a dense row-major array; the last axis of Shape is contiguous.
// Data holds Len() values in the encoding of DType (little endian; blocks run
// along the last axis).
type Tensor struct {
	DType DType
	Shape []int
	Data  []byte
}

// New wraps data as a tensor. It panics when the byte count does not fit
// shape and dtype: callers check files before they build tensors.
func New(d DType, shape []int, data []byte) Tensor {
	t := Tensor{DType: d, Shape: shape, Data: data}
	want, err := d.Bytes(shape)
	if err != nil || want != len(data) {
		panic(fmt.Sprintf("tensor: %d bytes for %s%v, want %d (%v)", len(data), d, shape, want, err))
	}
	return t
}

// Len is the number of values.
func (t Tensor) Len() int { return Count(t.Shape) }

// Count is the product of a shape (1 for a scalar).
func Count(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}
