package checkpoint

import (
	"fmt"
	"io"
	"slices"

	"moreau/internal/tensor"
)

// ReadFunc gives the tensor of a name; Checkpoint.Read is one.
type ReadFunc func(name string) (tensor.Tensor, error)

// place computes the offset of every tensor when each starts at a multiple of
// align, and the end of the last one. It refuses a name that occurs twice.
func place(infos []Info, align int) (offsets []int, sizes []int, err error) {
	seen := map[string]bool{}
	at := 0
	for _, info := range infos {
		if seen[info.Name] {
			return nil, nil, fmt.Errorf("tensor %q is to be written twice", info.Name)
		}
		seen[info.Name] = true
		n, err := info.DType.Bytes(info.Shape)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", info.Name, err)
		}
		offsets, sizes = append(offsets, at), append(sizes, n)
		at += padded(n, align)
	}
	return offsets, sizes, nil
}

// writeData reads and writes one tensor after the other, padded to align.
func writeData(w io.Writer, infos []Info, read ReadFunc, align int) error {
	for _, info := range infos {
		t, err := read(info.Name)
		if err != nil {
			return err
		}
		if t.DType != info.DType || !slices.Equal(t.Shape, info.Shape) {
			return fmt.Errorf("tensor %q is %s%v, but %s%v was announced", info.Name, t.DType, t.Shape, info.DType, info.Shape)
		}
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
		if _, err := w.Write(make([]byte, padded(len(t.Data), align)-len(t.Data))); err != nil {
			return err
		}
	}
	return nil
}

// padded rounds n up to a multiple of align.
func padded(n, align int) int { return (n + align - 1) / align * align }
