package prune

import (
	"fmt"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// view is a pruned checkpoint: tensors are cut when they are read.
type view struct {
	checkpoint.Checkpoint
	plan   *Plan
	params map[string]model.Param
	infos  []checkpoint.Info
}

// Apply is ck without the units the plan cuts. ck has the plan's Before
// configuration with Hugging Face names and layout.
func Apply(p *Plan, ck checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
	v := &view{Checkpoint: ck, plan: p, params: map[string]model.Param{}}
	for _, param := range p.Before.Params() {
		v.params[param.Name] = param
	}
	for _, info := range ck.Tensors() {
		cut, err := v.cutInfo(info)
		if err != nil {
			return nil, err
		}
		v.infos = append(v.infos, cut)
	}
	return v, nil
}

// Tensors implements checkpoint.Checkpoint.
func (v *view) Tensors() []checkpoint.Info { return v.infos }

// Read implements checkpoint.Checkpoint.
func (v *view) Read(name string) (tensor.Tensor, error) {
	t, err := v.Checkpoint.Read(name)
	if err != nil {
		return t, err
	}
	for axis, a := range v.params[name].Axes {
		if len(v.plan.Pruned[a.Dim]) == 0 {
			continue
		}
		if t, err = t.Select(axis, v.plan.Kept(a.Dim), a.Width); err != nil {
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
	shape := append([]int(nil), info.Shape...)
	for i, a := range param.Axes {
		if info.Shape[i] != a.Size() {
			return info, fmt.Errorf("%s has shape %v, the configuration says %v", info.Name, info.Shape, param.Shape())
		}
		gone := len(v.plan.Pruned[a.Dim])
		shape[i] -= gone * a.Width
		if gone > 0 && i == len(shape)-1 && info.DType.Quantized() {
			info.DType = tensor.F32
		}
	}
	info.Shape = shape
	return info, nil
}
