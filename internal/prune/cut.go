package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// ErrUnits marks units that cannot be cut from a model.
var ErrUnits = errors.New("units to cut")

// Cut is the units that go, ascending, by dimension of the model that they go from: a
// stage. A dimension that is not there stays whole.
type Cut map[model.Dim][]int

// Estimate implements stage.Stage.
func (c Cut) Estimate(cfg *model.Config) (stage.Estimate, error) {
	left, kinds := map[model.Dim]int{}, map[model.Kind]bool{}
	for _, d := range c.dims() {
		if d.Layer >= len(cfg.Layers) || cfg.Dim(d.Layer, d.Kind) != d {
			return stage.Estimate{}, fmt.Errorf("%w: %s of %d units is none of this model", ErrUnits, d, d.Units)
		}
		if err := checkUnits(d, c[d]); err != nil {
			return stage.Estimate{}, err
		}
		left[d], kinds[d.Kind] = d.Units-len(c[d]), true
	}
	if kinds[model.Heads] && kinds[model.QueryHeads] {
		return stage.Estimate{}, fmt.Errorf("%w: KV groups and query heads; cut one of them", ErrUnits)
	}
	return stage.Estimate{After: cfg.Cut(left)}, nil
}

// dims are the dimensions that lose units, in the order of layers and kinds.
func (c Cut) dims() []model.Dim {
	dims := slices.Collect(maps.Keys(c))
	slices.SortFunc(dims, func(a, b model.Dim) int { return cmp.Or(a.Layer-b.Layer, cmp.Compare(a.Kind, b.Kind)) })
	return dims
}

// Columns are the columns of o or down that go, ascending.
func (c Cut) Columns(p model.Param) (columns []int) {
	in := p.Axes[1]
	units := c[in.Dim]
	if in.Dim.Kind == model.Heads && len(units) == 0 {
		for d, of := range c { // cut by query heads
			if d.Kind == model.QueryHeads && d.Layer == p.Layer {
				in = model.Axis{Dim: d, Width: in.Size() / d.Units}
				units = of
			}
		}
	}
	for _, u := range units {
		for i := range in.Width {
			columns = append(columns, u*in.Width+i)
		}
	}
	return columns
}

// checkUnits refuses units of d that are not there, stand in another order, or leave a
// group of d with none, or with more than the others have.
func checkUnits(d model.Dim, units []int) error {
	gone := make([]int, d.Groups)
	for i, u := range units {
		switch {
		case u < 0 || u >= d.Units:
			return fmt.Errorf("%w: %s has no unit %d, it has 0..%d", ErrUnits, d, u, d.Units-1)
		case i > 0 && u <= units[i-1]:
			return fmt.Errorf("%w: of %s, %d stands behind %d, want them ascending, each once", ErrUnits, d, u, units[i-1])
		}
		gone[u*d.Groups/d.Units]++
	}
	switch {
	case slices.Max(gone) == d.Units/d.Groups:
		return fmt.Errorf("%w: %s loses all of a group, at least one unit stays", ErrUnits, d)
	case slices.Max(gone) != slices.Min(gone):
		return fmt.Errorf("%w: %s loses %d units of one KV group and %d of another", ErrUnits, d, slices.Max(gone), slices.Min(gone))
	}
	return nil
}

// Kept lists the units of d that stay, ascending.
func (c Cut) Kept(d model.Dim) []int { return rest(d.Units, c[d]) }

// Run implements stage.Stage: a view whose tensors are cut when they are read.
func (c Cut) Run(_ context.Context, m stage.Model) (stage.Model, error) {
	e, err := c.Estimate(m.Config)
	if err != nil {
		return m, err
	}
	v := &view{Checkpoint: m.Weights, cut: c, params: map[string]model.Param{}}
	for _, p := range c.Along(m.Config).Params() {
		v.params[p.Name] = p
	}
	for _, info := range m.Weights.Tensors() {
		cut, err := v.cutInfo(info)
		if err != nil {
			return m, err
		}
		v.infos = append(v.infos, cut)
	}
	return stage.Model{Config: e.After, Raw: m.Raw, Weights: v}, nil
}

// Along is cfg with the axes of its parameters along the units that c names.
func (c Cut) Along(cfg *model.Config) *model.Config {
	along := *cfg
	for d := range c {
		if d.Kind != model.MLP {
			along.QueryHeads = d.Kind == model.QueryHeads
		}
	}
	return &along
}

// view is a cut checkpoint: tensors are cut when they are read.
type view struct {
	checkpoint.Checkpoint
	cut    Cut
	params map[string]model.Param
	infos  []checkpoint.Info
}

// Tensors implements checkpoint.Checkpoint.
func (v *view) Tensors() []checkpoint.Info { return checkpoint.Infos(v.infos) }

// StoredTypes are those of the tensors before they are cut.
func (v *view) StoredTypes() map[string]tensor.DType { return checkpoint.StoredTypes(v.Checkpoint) }

// Read implements checkpoint.Checkpoint.
func (v *view) Read(name string) (tensor.Tensor, error) {
	t, err := v.Checkpoint.Read(name)
	if err != nil {
		return t, err
	}
	for axis, a := range v.params[name].Axes {
		if len(v.cut[a.Dim]) == 0 {
			continue
		}
		if t, err = t.Select(axis, v.cut.Kept(a.Dim), a.Width); err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, nil
}

// cutInfo is what Read will return for a tensor. A block-quantised tensor cut
// along its blocks becomes float32, which keeps the values exactly.
func (v *view) cutInfo(info checkpoint.Info) (checkpoint.Info, error) {
	param, ok := v.params[info.Name]
	if !ok {
		return info, nil
	}
	shape := slices.Clone(info.Shape)
	for i, a := range param.Axes {
		if info.Shape[i] != a.Size() {
			return info, fmt.Errorf("%s has shape %v, the configuration says %v", info.Name, info.Shape, param.Shape())
		}
		gone := len(v.cut[a.Dim])
		shape[i] -= gone * a.Width
		if gone > 0 && i == len(shape)-1 && info.DType.Quantized() {
			info.DType = tensor.F32
		}
	}
	info.Shape = shape
	return info, nil
}
