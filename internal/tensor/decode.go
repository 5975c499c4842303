package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

var le = binary.LittleEndian

// Decode writes the values [lo, lo+len(dst)) of the flat tensor to dst as
// float32. It panics outside the tensor or for a dtype that is not Decodable.
// It does not allocate; for block types it is fastest when lo and len(dst) are
// multiples of BlockSize.
func (t Tensor) Decode(dst []float32, lo int) {
	if lo < 0 || len(dst) > t.Len()-lo {
		panic(fmt.Sprintf("tensor: values [%d, %d) of %s%v", lo, lo+len(dst), t.DType, t.Shape))
	}
	values, bytes := t.DType.BlockSize(), t.DType.BlockBytes()
	src := t.Data[lo/values*bytes:]
	if skip := lo % values; skip > 0 {
		n := decodePart(t.DType, dst, src[:bytes], skip)
		dst, src = dst[n:], src[bytes:]
	}
	whole := len(dst) / values
	decodeBlocks(t.DType, dst[:whole*values], src[:whole*bytes])
	if rest := dst[whole*values:]; len(rest) > 0 {
		decodePart(t.DType, rest, src[whole*bytes:][:bytes], 0)
	}
}

// Float32 returns all values as float32; see Decode.
func (t Tensor) Float32() []float32 {
	dst := make([]float32, t.Len())
	t.Decode(dst, 0)
	return dst
}

// Ints returns all values of an integer or bool tensor.
func (t Tensor) Ints() ([]int64, error) {
	dst := make([]int64, t.Len())
	for i := range dst {
		switch t.DType {
		case U8, Bool:
			dst[i] = int64(t.Data[i])
		case I8:
			dst[i] = int64(int8(t.Data[i]))
		case I16:
			dst[i] = int64(int16(le.Uint16(t.Data[2*i:])))
		case I32:
			dst[i] = int64(int32(le.Uint32(t.Data[4*i:])))
		case I64:
			dst[i] = int64(le.Uint64(t.Data[8*i:]))
		default:
			return nil, fmt.Errorf("tensor: %s%v does not hold integers", t.DType, t.Shape)
		}
	}
	return dst, nil
}

// decodePart decodes one block and copies what comes after its first skip
// values; it returns how many values dst took.
func decodePart(d DType, dst []float32, block []byte, skip int) int {
	var buf [256]float32
	whole := buf[:d.BlockSize()]
	decodeBlocks(d, whole, block)
	return copy(dst, whole[skip:])
}

// decodeBlocks decodes whole blocks. It is a switch and not a table of
// functions so that the buffer of decodePart stays on the stack.
func decodeBlocks(d DType, dst []float32, src []byte) {
	switch d {
	case F32:
		decodeF32(dst, src)
	case F16:
		decodeF16(dst, src)
	case BF16:
		decodeBF16(dst, src)
	case F64:
		decodeF64(dst, src)
	case Q4_0:
		decodeQ4_0(dst, src)
	case Q4_1:
		decodeQ4_1(dst, src)
	case Q5_0:
		decodeQ5_0(dst, src)
	case Q5_1:
		decodeQ5_1(dst, src)
	case Q8_0:
		decodeQ8_0(dst, src)
	case Q4_K:
		decodeQ4_K(dst, src)
	case Q5_K:
		decodeQ5_K(dst, src)
	case Q6_K:
		decodeQ6_K(dst, src)
	default:
		panic(fmt.Sprintf("tensor: %s holds no real numbers", d))
	}
}

// The loops below take eight values at a time through array pointers, which
// frees them from bounds checks; the last values go one by one.

func decodeF32(dst []float32, src []byte) {
	for ; len(dst) >= 8; dst, src = dst[8:], src[32:] {
		y, x := (*[8]float32)(dst), (*[32]byte)(src)
		for i := range y {
			y[i] = math.Float32frombits(le.Uint32(x[4*i:]))
		}
	}
	for i := range dst {
		dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
	}
}

func decodeF16(dst []float32, src []byte) {
	for ; len(dst) >= 8; dst, src = dst[8:], src[16:] {
		y, x := (*[8]float32)(dst), (*[16]byte)(src)
		for i := range y {
			y[i] = FromF16(le.Uint16(x[2*i:]))
		}
	}
	for i := range dst {
		dst[i] = FromF16(le.Uint16(src[2*i:]))
	}
}

func decodeBF16(dst []float32, src []byte) {
	for ; len(dst) >= 8; dst, src = dst[8:], src[16:] {
		y, x := (*[8]float32)(dst), (*[16]byte)(src)
		for i := range y {
			y[i] = FromBF16(le.Uint16(x[2*i:]))
		}
	}
	for i := range dst {
		dst[i] = FromBF16(le.Uint16(src[2*i:]))
	}
}

func decodeF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
	}
}
