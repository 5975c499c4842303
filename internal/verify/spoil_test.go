package verify

import (
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// change lets f change the values of a parameter of m; layer is -1 outside the layers.
func change(m Model, layer int, role model.Role, f func(x []float32)) {
	params := m.Config.Params()
	p := params[slices.IndexFunc(params, func(p model.Param) bool { return p.Role == role && p.Layer == layer })]
	all := m.Weights.(checkpoint.Memory)
	x := all[p.Name].Float32()
	f(x)
	all[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), x)
}

func (p pair) change(layer int, role model.Role, f func(x []float32)) {
	change(p.pruned, layer, role, f)
}

// one changes a single weight.
func one(layer int, role model.Role) func(*testing.T, pair) {
	return func(_ *testing.T, p pair) {
		p.change(layer, role, func(x []float32) { x[len(x)/2] += 0.1 })
	}
}

// swap exchanges two units of a matrix, as KV groups and channels.
func swap(layer int, role model.Role, axis, a, b int) func(*testing.T, pair) {
	return reorder(func(c *model.Config) *model.Config { return c }, layer, role, axis, a, b)
}

// swapHeadsOf exchanges two query heads of a matrix.
func swapHeadsOf(layer int, role model.Role, axis, a, b int) func(*testing.T, pair) {
	return reorder((*model.Config).ByQueryHead, layer, role, axis, a, b)
}

// swapHeads exchanges two query heads of q.
func swapHeads(layer, a, b int) func(*testing.T, pair) { return swapHeadsOf(layer, model.Q, 0, a, b) }

func reorder(as func(*model.Config) *model.Config, layer int, role model.Role, axis, a, b int) func(*testing.T, pair) {
	return func(t *testing.T, p pair) {
		param := param(as(p.pruned.Config), layer, role)
		order := except(param.Axes[axis].Dim.Units)
		order[a], order[b] = b, a
		m := p.pruned.Weights.(checkpoint.Memory)
		x, err := m[param.Name].Select(axis, order, param.Axes[axis].Width)
		if err != nil {
			t.Fatal(err)
		}
		m[param.Name] = x
	}
}

// pairOthers gives the first KV head of layer 0 a query head that reads the second one:
// dense heads 0, 3, 4, 5 where 0, 1 and 3, 4 would be right.
func pairOthers(t *testing.T, p pair) {
	cfg := p.dense.Config.ByQueryHead()
	kept := map[model.Dim][]int{cfg.Dim(0, model.QueryHeads): {0, 3, 4, 5}, cfg.Dim(1, model.QueryHeads): {1, 5}}
	all := p.pruned.Weights.(checkpoint.Memory)
	for name, x := range selected(t, cfg, p.dense.Weights.(checkpoint.Memory), kept, tensor.F32) {
		all[name] = x
	}
}

// copied writes channel from of a layer over channel to, in all its matrices.
func copied(layer, from, to int) func(*testing.T, pair) {
	return func(t *testing.T, p pair) {
		m := p.pruned.Weights.(checkpoint.Memory)
		order := except(p.pruned.Config.Layers[layer].Intermediate)
		order[to] = from
		for _, role := range []model.Role{model.Gate, model.Up, model.Down} {
			param := param(p.pruned.Config, layer, role)
			x, err := m[param.Name].Select(param.Axis(p.pruned.Config.Dim(layer, model.MLP)), order, 1)
			if err != nil {
				t.Fatal(err)
			}
			m[param.Name] = x
		}
	}
}

// scramble gives the rows of a matrix other values.
func scramble(layer int, role model.Role) func(*testing.T, pair) {
	return func(_ *testing.T, p pair) { p.change(layer, role, func(x []float32) { slices.Reverse(x) }) }
}

// config changes the pruned model's configuration.
func config(f func(*model.Config)) func(*testing.T, pair) {
	return func(_ *testing.T, p pair) {
		p.pruned.Config.Layers = slices.Clone(p.pruned.Config.Layers)
		f(p.pruned.Config)
	}
}
