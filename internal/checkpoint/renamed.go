package checkpoint

import (
	"fmt"
	"maps"
	"slices"

	"moreau/internal/tensor"
)

// Entry says where a tensor of a Renamed checkpoint comes from. With Rows, row i
// along axis 0 is row Rows[i] of the source (element i of a 1-D tensor); rows
// keep their bytes, block types included. Add, if not 0, is added to every value,
// which makes the tensor F32.
type Entry struct {
	Name string
	Rows []int
	Add  float32
}

// Renamed is a view of another checkpoint under other names.
type Renamed struct {
	base    Checkpoint
	entries map[string]Entry
	infos   map[string]Info
}

// Rename gives the tensors of c other names; names has the new ones as keys.
// What is not in names is not in the result. Closing the result closes c.
func Rename(c Checkpoint, names map[string]Entry) (*Renamed, error) {
	base := map[string]Info{}
	for _, info := range c.Tensors() {
		base[info.Name] = info
	}
	m := &Renamed{c, maps.Clone(names), map[string]Info{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e := names[name]
		info, ok := base[e.Name]
		if !ok {
			return nil, missing(e.Name)
		}
		if e.Rows != nil {
			if err := checkRows(info, e.Rows); err != nil {
				return nil, err
			}
			info.DType = info.DType.SelectDType(0, len(info.Shape))
			info.Shape = append([]int{len(e.Rows)}, info.Shape[1:]...)
		}
		if e.Add != 0 {
			info.DType = tensor.F32
		}
		info.Name = name
		m.infos[name] = info
	}
	return m, nil
}

// checkRows makes sure that every row is there.
func checkRows(info Info, rows []int) error {
	for _, r := range rows {
		if len(info.Shape) == 0 || r < 0 || r >= info.Shape[0] {
			return fmt.Errorf("tensor %q of shape %v has no row %d: check the head counts of the model", info.Name, info.Shape, r)
		}
	}
	return nil
}

// Tensors lists the new names.
func (m *Renamed) Tensors() []Info {
	return sortedInfos(maps.Values(m.infos), func(i Info) Info { return i })
}

// Read fetches a tensor by its new name.
func (m *Renamed) Read(name string) (tensor.Tensor, error) { return m.readInto(name, fresh) }

func (m *Renamed) readInto(name string, alloc func(n int) []byte) (tensor.Tensor, error) {
	e, ok := m.entries[name]
	if !ok {
		return tensor.Tensor{}, missing(name)
	}
	if e.Rows == nil {
		t, err := ReadInto(m.base, e.Name, alloc)
		return e.added(t, err)
	}
	return m.selected(e, e.Rows)
}

// readRows reads part p of a tensor by its new name.
func (m *Renamed) readRows(p Part, alloc func(n int) []byte) (tensor.Tensor, error) {
	e := m.entries[p.Name]
	if e.Rows == nil {
		t, err := readRows(m.base, Part{e.Name, p.First, p.Rows}, alloc)
		return e.added(t, err)
	}
	return m.selected(e, e.Rows[p.First:p.First+p.Rows])
}

// selected is rows of the source of e, in their order.
func (m *Renamed) selected(e Entry, rows []int) (tensor.Tensor, error) {
	t, err := m.base.Read(e.Name)
	if err == nil {
		t, err = t.Select(0, rows, 1)
	}
	return e.added(t, err)
}

// added is what was read of the source of e, with Add.
func (e Entry) added(t tensor.Tensor, err error) (tensor.Tensor, error) {
	if err != nil || e.Add == 0 {
		return t, err
	}
	return plus(t, e.Add), nil
}

// plus is t in F32 with v added to every value.
func plus(t tensor.Tensor, v float32) tensor.Tensor {
	vals := t.Float32()
	for i := range vals {
		vals[i] += v
	}
	return tensor.FromFloat32(tensor.F32, t.Shape, vals)
}

// Close closes the checkpoint below.
func (m *Renamed) Close() error { return m.base.Close() }

// RopeUnpermute gives the Rows that turn q or k of a GGUF file of llama type
// (rotated pairs side by side) into the Hugging Face order (first components
// of all pairs, then the second ones): row h*headDim + t*headDim/2 + j comes
// from row h*headDim + 2*j + t. headDim is even.
func RopeUnpermute(heads, headDim int) []int {
	rows := make([]int, heads*headDim)
	for i := range rows {
		h, t, j := i/headDim, i%headDim/(headDim/2), i%(headDim/2)
		rows[i] = h*headDim + 2*j + t
	}
	return rows
}

// RopePermute is the inverse of RopeUnpermute: from Hugging Face to GGUF.
func RopePermute(heads, headDim int) []int {
	rows := make([]int, heads*headDim)
	for to, from := range RopeUnpermute(heads, headDim) {
		rows[from] = to
	}
	return rows
}
