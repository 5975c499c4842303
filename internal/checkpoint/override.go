package checkpoint

import (
	"fmt"
	"maps"
	"slices"

	"moreau/internal/tensor"
)

// overridden is a view of a checkpoint with some tensors replaced.
type overridden struct {
	Checkpoint
	infos    map[string]Info // of all tensors
	replaced map[string]bool
	read     ReadFunc
}

// Override is c with the tensors of infos replaced by what read gives for their names,
// each time one is read: those of a Memory (m.Tensors(), m.Read), of another
// checkpoint, or made by a function. A tensor that c lacks or has in another shape is
// an error; the type may be another. Closing the result closes c.
func Override(c Checkpoint, infos []Info, read ReadFunc) (Checkpoint, error) {
	v := &overridden{c, map[string]Info{}, map[string]bool{}, read}
	for _, info := range c.Tensors() {
		v.infos[info.Name] = info
	}
	for _, info := range infos {
		old, ok := v.infos[info.Name]
		if !ok {
			return nil, missing(info.Name)
		}
		if !slices.Equal(old.Shape, info.Shape) {
			return nil, fmt.Errorf("tensor %q has shape %v, what replaces it %v", info.Name, old.Shape, info.Shape)
		}
		v.infos[info.Name], v.replaced[info.Name] = info, true
	}
	return v, nil
}

// Tensors lists all tensors, with the types of those that replace others.
func (v *overridden) Tensors() []Info {
	return sortedInfos(maps.Values(v.infos), func(i Info) Info { return i })
}

// Read fetches a tensor, or the one in its place.
func (v *overridden) Read(name string) (tensor.Tensor, error) { return v.readInto(name, fresh) }

func (v *overridden) readInto(name string, alloc func(n int) []byte) (tensor.Tensor, error) {
	if v.replaced[name] {
		return v.read(name)
	}
	return ReadInto(v.Checkpoint, name, alloc)
}
