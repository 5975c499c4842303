package moreau

import (
	"slices"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// ScratchFile says where and how a scratch file keeps the arrays.
type ScratchFile struct {
	Path  string
	DType tensor.DType // F32, or BF16: values are rounded, to nearest even, between uses

	// Keep makes the file outlive the process, so that a journal can continue from
	// it: every array has two places, and a change goes to the one that the last
	// commit does not count on. Without, there is one place, and the file has no name.
	Keep bool
}

// Bytes is the most disk space that the file takes for the moving parameters.
func (f ScratchFile) Bytes(moving []model.Param) int64 {
	return markBytes + 2*int64(f.places())*f.stride(moving)
}

// stride is the distance from the first place of an array to the second: the bytes
// of that array of all parameters.
func (f ScratchFile) stride(moving []model.Param) (n int64) {
	for _, p := range moving {
		n += f.size(p)
	}
	return n
}

// hostBytes is the most memory that the store takes beside open arrays: those read ahead for
// a layer, and arrays on their way to the disk.
func (f ScratchFile) hostBytes(moving []model.Param) int64 {
	layers, sizes := map[int]int64{}, []int64{}
	var layer int64
	for _, p := range moving {
		sizes = append(sizes, int64(p.Len()))
		layers[p.Layer] += int64(p.Len())
		layer = max(layer, layers[p.Layer])
	}
	slices.Sort(sizes)
	var largest, onTheWay int64
	for i := range min(len(sizes), queued+2) {
		n := sizes[len(sizes)-1-i]
		largest, onTheWay = max(largest, n), onTheWay+n
	}
	var encoded int64
	if f.DType != tensor.F32 {
		encoded = 4 * largest // as float32 on their way to being encoded
	}
	return encoded + int64(f.DType.BlockBytes())*(2*layer+onTheWay)
}

// size is the bytes of one array of p.
func (f ScratchFile) size(p model.Param) int64 { return int64(p.Len() * f.DType.BlockBytes()) }

func (f ScratchFile) places() int {
	if f.Keep {
		return 2
	}
	return 1
}

// markBytes is the room at the start of a kept file for its mark.
const markBytes = 4096
