package export

import (
	"errors"
	"io"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// errHeaderOnly stops a writer at its first tensor.
var errHeaderOnly = errors.New("only the header is wanted")

// headerBytes is the size of what a writer writes before the tensors; errors
// are those of a header that cannot be made.
func headerBytes(write func(io.Writer, checkpoint.ReadFunc) error) (int64, error) {
	var n counter
	err := write(&n, func(string) (tensor.Tensor, error) { return tensor.Tensor{}, errHeaderOnly })
	if errors.Is(err, errHeaderOnly) {
		err = nil
	}
	return int64(n), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// dataBytes is the size of the tensors, each padded to a multiple of align.
func dataBytes(infos []checkpoint.Info, align int64) int64 {
	var n int64
	for _, info := range infos {
		size := int64(tensor.Count(info.Shape) / info.DType.BlockSize() * info.DType.BlockBytes())
		n += (size + align - 1) / align * align
	}
	return n
}
