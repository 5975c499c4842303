package tensor

import (
	"fmt"
	"slices"
)

// Select keeps units of one axis: unit u is the indices [u*width, (u+1)*width).
// The units appear in the order of keep. The bytes are copied as they are,
// except when the last axis of a block type is cut: blocks do not survive
// that, so the result is F32 and holds the exact decoded values (also when keep
// names every unit; see SelectDType).
func (t Tensor) Select(axis int, keep []int, width int) (Tensor, error) {
	if axis < 0 || axis >= len(t.Shape) {
		return Tensor{}, fmt.Errorf("tensor: no axis %d in shape %v", axis, t.Shape)
	}
	if width <= 0 || t.Shape[axis]%width != 0 {
		return Tensor{}, fmt.Errorf("tensor: axis %d of shape %v has no whole units of width %d", axis, t.Shape, width)
	}
	units := t.Shape[axis] / width
	for _, u := range keep {
		if u < 0 || u >= units {
			return Tensor{}, fmt.Errorf("tensor: no unit %d among the %d of axis %d of shape %v", u, units, axis, t.Shape)
		}
	}
	if t.DType.SelectDType(axis, len(t.Shape)) != t.DType {
		t = FromFloat32(F32, t.Shape, t.Float32())
	}
	return t.gather(axis, keep, width), nil
}

// SelectDType is the dtype of what Select makes of a tensor of rank axes: F32
// for block types on the last axis, else d.
func (d DType) SelectDType(axis, rank int) DType {
	if d.Quantized() && axis == rank-1 {
		return F32
	}
	return d
}

// gather copies the kept units; a unit is contiguous within each of the outer indices.
func (t Tensor) gather(axis int, keep []int, width int) Tensor {
	shape := slices.Clone(t.Shape)
	shape[axis] = len(keep) * width
	row := Count(t.Shape[axis:]) / t.DType.BlockSize() * t.DType.BlockBytes()
	out := Tensor{t.DType, shape, nil}
	size, _ := t.DType.Bytes(shape)
	out.Data = make([]byte, 0, size)
	if size == 0 {
		return out
	}
	unit := row / (t.Shape[axis] / width)
	pieces := runs(keep)
	for at := 0; at < len(t.Data); at += row {
		for _, p := range pieces {
			out.Data = append(out.Data, t.Data[at+p[0]*unit:at+p[1]*unit]...)
		}
	}
	return out
}

// runs joins neighbours into half-open ranges, which are copied in one go.
func runs(keep []int) [][2]int {
	var list [][2]int
	for _, u := range keep {
		if n := len(list); n > 0 && list[n-1][1] == u {
			list[n-1][1]++
			continue
		}
		list = append(list, [2]int{u, u + 1})
	}
	return list
}
