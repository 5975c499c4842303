package checkpoint

import (
	"cmp"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"

	"moreau/internal/tensor"
)

// Memory is a checkpoint of tensors that are already there.
type Memory map[string]tensor.Tensor

// Tensors lists the tensors by name.
func (m Memory) Tensors() []Info {
	return sortedInfos(maps.Keys(m), func(name string) Info {
		return Info{name, m[name].DType, m[name].Shape}
	})
}

// Read returns a copy of one tensor.
func (m Memory) Read(name string) (tensor.Tensor, error) {
	t, ok := m[name]
	if !ok {
		return tensor.Tensor{}, missing(name)
	}
	return tensor.Tensor{DType: t.DType, Shape: slices.Clone(t.Shape), Data: slices.Clone(t.Data)}, nil
}

// Close does nothing.
func (m Memory) Close() error { return nil }

// missing is the error of Read for a name that is not listed; errors.Is finds
// fs.ErrNotExist in it.
func missing(name string) error {
	return fmt.Errorf("the model has no tensor %q: %w", name, fs.ErrNotExist)
}

// Infos is a copy of list as Tensors returns it: sorted by name, its shapes the
// caller's to change.
func Infos(list []Info) []Info {
	return sortedInfos(slices.Values(list), func(i Info) Info { return i })
}

// sortedInfos collects what Tensors returns; shapes are the caller's to change.
func sortedInfos[T any](items iter.Seq[T], info func(T) Info) []Info {
	var infos []Info
	for item := range items {
		i := info(item)
		i.Shape = slices.Clone(i.Shape)
		infos = append(infos, i)
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}
