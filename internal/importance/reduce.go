package importance

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// salience is how scalars count: of weight w, gradient g and mean squared
// gradient g2. What a unit's scalars give is summed, absolutely, over the unit.
type salience struct {
	of      func(w, g, g2 float64) float64
	signed  bool // sum over a row (or column) before taking the absolute value
	squares bool // uses g2
}

var (
	l1 = salience{of: func(w, _, _ float64) float64 { return w }}
	l2 = salience{of: func(w, _, _ float64) float64 { return w * w }}
)

// saliences are the Taylor forms of LLM-Pruner (param_first, vectorize,
// param_second, param_mix).
var saliences = map[string]salience{
	"element1": {of: func(w, g, _ float64) float64 { return w * g }},
	"vector":   {of: func(w, g, _ float64) float64 { return w * g }, signed: true},
	"element2": {of: func(w, _, g2 float64) float64 { return w * w * g2 }, squares: true},
	"mix":      {of: func(w, g, g2 float64) float64 { return w*g - w*w*g2/2 }, squares: true},
}

func findSalience(name string) (salience, error) {
	if s, ok := saliences[name]; ok {
		return s, nil
	}
	var known []string
	for k := range saliences {
		known = append(known, k)
	}
	sort.Strings(known)
	return salience{}, fmt.Errorf("salience %q is not known, known are %s", name, strings.Join(known, ", "))
}

// reducer sums saliences of parameters into unit scores.
type reducer struct {
	run    *Run
	scores Scores
}

func newReducer(r *Run) *reducer { return &reducer{run: r, scores: Scores{}} }

// add adds the salience of one parameter to the units of its prunable axes; g
// and g2 may be nil (0).
func (d *reducer) add(p model.Param, g backend.Buffer, g2 []float32) error {
	b, err := d.run.Weights.Weight(p)
	if err != nil {
		return err
	}
	w := d.host(b)
	d.run.Weights.Release(p, b)
	m := matrix{rows: p.Axes[0].Size(), cols: p.Axes[1].Size(), w: w, g: d.host(g), g2: g2, s: d.run.Options.salience}
	for i, a := range p.Axes {
		if a.Dim.Kind == model.Fixed {
			continue
		}
		if d.scores[a.Dim] == nil {
			d.scores[a.Dim] = make([]float64, a.Dim.Units)
		}
		for j, v := range m.lines(i) {
			d.scores[a.Dim][j/a.Width] += v
		}
	}
	for _, a := range p.Axes {
		if err := finiteScores(d.scores, a.Dim, " after "+p.Name); err != nil {
			return err
		}
	}
	return nil
}

func (d *reducer) host(b backend.Buffer) []float32 {
	if b == nil {
		return nil
	}
	h := make([]float32, b.Len())
	d.run.Backend.Download(h, b)
	return h
}

// matrix is one parameter with what its salience is made of.
type matrix struct {
	rows, cols int
	w, g, g2   []float32 // g, g2 nil: 0
	s          salience
}

// lines reduces to one number per row (axis 0) or column (axis 1): the sum of
// absolute saliences, or the absolute value of their sum when signed.
func (m matrix) lines(axis int) []float64 {
	n := m.rows
	if axis == 1 {
		n = m.cols
	}
	out := make([]float64, n)
	for r := range m.rows {
		for c := range m.cols {
			v := m.at(r*m.cols + c)
			if !m.s.signed {
				v = math.Abs(v)
			}
			if axis == 0 {
				out[r] += v
			} else {
				out[c] += v
			}
		}
	}
	if m.s.signed {
		for i, v := range out {
			out[i] = math.Abs(v)
		}
	}
	return out
}

func (m matrix) at(i int) float64 {
	var g, g2 float64
	if m.g != nil {
		g = float64(m.g[i])
	}
	if m.g2 != nil {
		g2 = float64(m.g2[i])
	}
	return m.s.of(float64(m.w[i]), g, g2)
}

func finite(loss float64) error { return transformer.Finite("the calibration loss", loss) }
