package checkpoint

import "moreau/internal/tensor"

// StoredTypes are the types in which the values of c are, or were before a view
// changed them: a matrix of blocks that is cut along them, or computed anew, is F32 in
// c and has its file's type here. Views that rename, replace or add tensors say so by
// a method of this name.
func StoredTypes(c Checkpoint) map[string]tensor.DType {
	if v, ok := c.(interface {
		StoredTypes() map[string]tensor.DType
	}); ok {
		return v.StoredTypes()
	}
	types := map[string]tensor.DType{}
	for _, info := range c.Tensors() {
		types[info.Name] = info.DType
	}
	return types
}

// StoredTypes are those of the tensors under their new names.
func (m *Renamed) StoredTypes() map[string]tensor.DType {
	base, types := StoredTypes(m.base), map[string]tensor.DType{}
	for name, e := range m.entries {
		types[name] = base[e.Name]
	}
	return types
}

// StoredTypes are those of the tensors before some were replaced.
func (v *overridden) StoredTypes() map[string]tensor.DType { return StoredTypes(v.Checkpoint) }
