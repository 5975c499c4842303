package transformer_test

import (
	"math"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
)

// The mask gradient of a query head is the slope of the loss, and those of a group's
// query heads add up to that of the group: a mask on a group is the same on each.
func TestMaskGradientsOfQueryHeads(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Families {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			groups := maskGrads(t, be, g, g.Batch(t), 0)
			g.Config = g.Config.ByQueryHead()
			heads := maskGrads(t, be, g, g.Batch(t), 0)
			for l, layer := range g.Config.Layers {
				of := heads[g.Config.Dim(l, model.QueryHeads)]
				for i, want := range groups[g.Config.Dim(l, model.Heads)] {
					sums := make([]float64, layer.KVHeads)
					for h, v := range of[i] {
						sums[h/layer.Group()] += v
					}
					if e := goldentest.RelL2(narrow(sums), narrow(want)); !(e <= 1e-5) {
						t.Errorf("layer %d sequence %d: relative L2 error %g > 1e-5", l, i, e)
					}
				}
			}
			d := g.Config.Dim(1, model.QueryHeads)
			grad := sumOf(heads[d])
			unit := steepest(grad)
			const e = 0.05
			slope := (scaledLoss(t, be, g, d, unit, 1+e) - scaledLoss(t, be, g, d, unit, 1-e)) / (2 * e)
			if want := float64(grad[unit]); math.Abs(slope-want) > 0.01*math.Abs(want) {
				t.Errorf("%s unit %d: slope %g, mask gradient %g", d, unit, slope, want)
			}
		})
	}
}
