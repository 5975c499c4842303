package checkpoint

import (
	"fmt"
	"maps"
	"slices"

	"moreau/internal/tensor"
)

// Part is rows First to First+Rows-1 of a stored tensor: indices along axis 0.
type Part struct {
	Name        string
	First, Rows int
}

// parts is a view of a checkpoint in which parts of tensors are tensors.
type parts struct {
	base  Checkpoint
	of    map[string]Part
	infos map[string]Info
}

// Split is a view of c whose tensors are parts of those of c; names has the
// parts by their names. Only the rows of a part are read. What is not in names
// is not in the result. Closing the result closes c.
func Split(c Checkpoint, names map[string]Part) (Checkpoint, error) {
	base := map[string]Info{}
	for _, info := range c.Tensors() {
		base[info.Name] = info
	}
	v := &parts{c, maps.Clone(names), map[string]Info{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p := names[name]
		info, ok := base[p.Name]
		if !ok {
			return nil, missing(p.Name)
		}
		whole := len(info.Shape) > 0 && p.First == 0 && p.Rows == info.Shape[0]
		if !whole && (len(info.Shape) < 2 || p.First < 0 || p.Rows < 0 || p.First > info.Shape[0]-p.Rows) { // no part of a vector: it may be one block
			return nil, fmt.Errorf("tensor %q of shape %v has no rows %d to %d: check the head counts of the model", p.Name, info.Shape, p.First, p.First+p.Rows-1)
		}
		info.Name = name
		info.Shape = append([]int{p.Rows}, info.Shape[1:]...)
		v.infos[name] = info
	}
	return v, nil
}

// Tensors lists the parts.
func (v *parts) Tensors() []Info {
	return sortedInfos(maps.Values(v.infos), func(i Info) Info { return i })
}

// Read fetches a part.
func (v *parts) Read(name string) (tensor.Tensor, error) { return v.readInto(name, fresh) }

func (v *parts) readInto(name string, alloc func(n int) []byte) (tensor.Tensor, error) {
	p, ok := v.of[name]
	if !ok {
		return tensor.Tensor{}, missing(name)
	}
	return readRows(v.base, p, alloc)
}

// Close closes the checkpoint below.
func (v *parts) Close() error { return v.base.Close() }

// readRows reads part p of c, without the rest of the tensor where c can; Split
// has checked that it is there.
func readRows(c Checkpoint, p Part, alloc func(n int) []byte) (tensor.Tensor, error) {
	if r, ok := c.(interface {
		readRows(p Part, alloc func(n int) []byte) (tensor.Tensor, error)
	}); ok {
		return r.readRows(p, alloc)
	}
	t, err := c.Read(p.Name)
	if err != nil || p.Rows == t.Shape[0] {
		return t, err
	}
	row := len(t.Data) / t.Shape[0]
	return tensor.New(t.DType, append([]int{p.Rows}, t.Shape[1:]...), t.Data[p.First*row:(p.First+p.Rows)*row]), nil
}

func (s spans) readRows(p Part, alloc func(n int) []byte) (tensor.Tensor, error) {
	sp := s[p.Name]
	if p.Rows < sp.Shape[0] {
		row := sp.size / int64(sp.Shape[0])
		sp.at, sp.size = sp.at+int64(p.First)*row, int64(p.Rows)*row
		sp.Shape = append([]int{p.Rows}, sp.Shape[1:]...)
	}
	return sp.read(alloc)
}
