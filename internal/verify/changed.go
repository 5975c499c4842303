package verify

import (
	"fmt"
	"math"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// Changed is an o or down projection whose columns that stayed are not the dense model's, as a refit leaves them.
type Changed struct {
	Layer int        `json:"layer"` // of the pruned model
	Role  model.Role `json:"-"`
	Param string     `json:"param"`
	Apart float64    `json:"apart"` // relative L2 distance of the columns that stayed
}

// apartBy is how far columns are apart by the rounding of a type; of types that are not here, coarseApart.
var apartBy = map[tensor.DType]float64{tensor.F32: 1e-5, tensor.F16: 2e-3, tensor.BF16: 1e-2, tensor.Q8_0: 2e-2, tensor.Q6_K: 5e-2}

const coarseApart = 0.2

// mostChanged bounds what passes for a refit: those of SmolLM2 at 20 % change projections by 0.03 to 0.35, those of tiny random models that lost half by up to 0.83; one that is zero, or twice what it was, is 1 apart, one that has
// nothing to do with the dense one 1.4. What is nearer, such as two columns of many that changed places, only the plan can tell from a refit.
const mostChanged = 0.95

// FindChanged finds the projections that differ by more than their type's rounding, and gives the dense model with the
// pruned one's columns in their place, so that all else can be compared. Those of down_proj in standIn, layers of the pruned model
// before some that went, may be anything: they stand in for these.
func FindChanged(dense, pruned Model, m *Match, standIn []int) (Model, []Changed, error) {
	types := map[string]tensor.DType{}
	for _, i := range pruned.Weights.Tensors() {
		types[i.Name] = i.DType
	}
	var all []Changed
	with := dense // and the pruned one's columns
	var infos []checkpoint.Info
	wide, narrow := dense.Config.ByQueryHead(), pruned.Config.ByQueryHead()
	read := map[string]func() (tensor.Tensor, error){}
	for l := range wide.Layers {
		for _, role := range []model.Role{model.O, model.Down} {
			d, p := param(wide, l, role), param(narrow, l, role)
			grown := func() ([]float32, float64, error) { return grow(dense, pruned, d, p, m.Kept[d.Axes[1].Dim]) }
			_, apart, err := grown()
			if err != nil {
				return dense, nil, err
			}
			rounding, plain := apartBy[types[p.Name]]
			if !plain {
				rounding = coarseApart
			}
			if apart <= rounding {
				continue
			}
			free := role == model.Down && slices.Contains(standIn, l) && !math.IsNaN(apart)
			if !free && !(apart <= mostChanged) {
				return with, nil, fmt.Errorf("%w: %s is %.2g of its size from the dense model's columns that stayed, more than a refit changes", ErrDifferent, p.Name, apart)
			}
			all = append(all, Changed{l, role, p.Name, apart})
			infos = append(infos, checkpoint.Info{Name: d.Name, DType: tensor.F32, Shape: d.Shape()})
			read[d.Name] = func() (tensor.Tensor, error) {
				w, _, err := grown()
				return tensor.FromFloat32(tensor.F32, d.Shape(), w), err
			}
		}
	}
	var err error
	if all != nil {
		with.Weights, err = checkpoint.Override(dense.Weights, infos, func(name string) (tensor.Tensor, error) { return read[name]() })
	}
	return with, all, err
}

// grow is the dense model's projection d [O, F] with the columns of the units that stayed from the pruned one's p, and how
// far these were apart, in relative L2 distance.
func grow(dense, pruned Model, d, p model.Param, kept []int) (w []float32, apart float64, err error) {
	w, err = decoded(dense, d)
	if err != nil {
		return nil, 0, err
	}
	v, err := decoded(pruned, p)
	if err != nil {
		return nil, 0, err
	}
	F, G, width := d.Axes[1].Size(), p.Axes[1].Size(), d.Axes[1].Width
	var off, of float64
	for o := range d.Axes[0].Size() {
		for i, u := range kept {
			to, from := w[o*F+u*width:][:width], v[o*G+i*width:][:width]
			for k, x := range from {
				off, of = off+math.Pow(float64(x-to[k]), 2), of+math.Pow(float64(to[k]), 2)
			}
			copy(to, from)
		}
	}
	if off > 0 || math.IsNaN(off) {
		apart = math.Sqrt(off / of)
	}
	return w, apart, nil
}

func decoded(m Model, p model.Param) ([]float32, error) {
	t, err := m.Weights.Read(p.Name)
	if err != nil {
		return nil, err
	}
	w := make([]float32, p.Len())
	t.Decode(w, 0)
	return w, nil
}
