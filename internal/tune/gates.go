package tune

import (
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// gates are factors of the columns of o and down while they are learnt: a weight source that applies them, and a tap
// that sees their gradients.
type gates struct {
	transformer.WeightSource
	be      backend.Backend
	params  map[place]model.Param
	factors map[string][]float32
	learnt  map[string]*moments
}

// place is where a pass shows what a projection multiplies.
type place struct {
	layer int
	at    transformer.Site
}

// moments are the logarithms of a projection's gates, their gradient, and Adam's means.
type moments struct{ log, grad, mean, square []float64 }

func newGates(c *model.Config, be backend.Backend, from transformer.WeightSource) *gates {
	g := &gates{WeightSource: from, be: be, params: map[place]model.Param{}, factors: map[string][]float32{}, learnt: map[string]*moments{}}
	at := map[model.Role]transformer.Site{model.O: transformer.HeadsOut, model.Down: transformer.Channels}
	for _, p := range c.Params() {
		site, gated := at[p.Role]
		if !gated {
			continue
		}
		n := p.Axes[1].Size()
		g.params[place{p.Layer, site}] = p
		g.factors[p.Name] = make([]float32, n)
		for j := range n {
			g.factors[p.Name][j] = 1
		}
		g.learnt[p.Name] = &moments{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	}
	return g
}

// Weight implements transformer.WeightSource.
func (g *gates) Weight(p model.Param) (backend.Buffer, error) {
	w, err := g.WeightSource.Weight(p)
	if factors := g.factors[p.Name]; err == nil && factors != nil {
		g.be.UnitScale(w, factors, backend.Units{Rows: p.Axes[0].Size(), Cols: len(factors), Axis: 1, Width: 1})
	}
	return w, err
}

// Sees implements transformer.Tap.
func (g *gates) Sees(layer int, at transformer.Site) transformer.Sight {
	if _, ok := g.params[place{layer, at}]; ok {
		return transformer.WithGradient
	}
	return transformer.Unseen
}

// See takes the gradient of a gate's logarithm: the sum over tokens of what the column multiplies times its gradient.
func (g *gates) See(s transformer.Seen) error {
	name := g.params[place{s.Layer, s.Site}].Name
	g.learnt[name].grad = backend.Reduce(g.be, s.Width, func(sums backend.Sums) {
		g.be.UnitDots(sums, s.X, s.DX, backend.Units{Rows: s.X.Len() / s.Width, Cols: s.Width, Axis: 1, Width: 1})
	})
	return nil
}

// Adam's settings: Kingma and Ba, arXiv 1412.6980.
const (
	beta1, beta2 = 0.9, 0.99
	epsilon      = 1e-8
)

// descend takes a step of Adam, counted from 1.
func (g *gates) descend(step int, rate float64) {
	c1, c2 := 1-math.Pow(beta1, float64(step)), 1-math.Pow(beta2, float64(step))
	for name, m := range g.learnt {
		for j, d := range m.grad {
			m.mean[j] = beta1*m.mean[j] + (1-beta1)*d
			m.square[j] = beta2*m.square[j] + (1-beta2)*d*d
			m.log[j] -= rate * (m.mean[j] / c1) / (math.Sqrt(m.square[j]/c2) + epsilon)
			g.factors[name][j] = float32(math.Exp(m.log[j]))
		}
	}
}
