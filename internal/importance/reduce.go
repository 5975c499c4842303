package importance

import (
	"fmt"
	"sort"
	"strings"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// salience is how scalars count, and what it takes beside the weights.
type salience struct {
	of      backend.Salience
	squares bool // the mean squared gradient
}

var (
	l1 = salience{of: backend.AbsWeight}
	l2 = salience{of: backend.SquareWeight}
)

// saliences are the Taylor forms of LLM-Pruner (param_first, vectorize,
// param_second, param_mix).
var saliences = map[string]salience{
	"element1": {of: backend.FirstOrder},
	"vector":   {of: backend.FirstOfLines},
	"element2": {of: backend.SecondOrder, squares: true},
	"mix":      {of: backend.BothOrders, squares: true},
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
	run  *Run
	sums map[model.Dim]backend.Sums
}

func newReducer(r *Run) *reducer { return &reducer{run: r, sums: map[model.Dim]backend.Sums{}} }

// add adds the salience of one parameter to the units of its prunable axes; g
// and g2 may be nil where the salience does not use them.
func (d *reducer) add(p model.Param, g, g2 backend.Buffer) error {
	w, err := d.run.Weights.Weight(p)
	if err != nil {
		return err
	}
	defer d.run.Weights.Release(p, w)
	for i, a := range p.Axes {
		if a.Dim.Kind == model.Fixed {
			continue
		}
		if d.sums[a.Dim] == nil {
			d.sums[a.Dim] = d.run.Backend.NewSums(a.Dim.Units)
		}
		d.run.Backend.UnitSaliences(d.sums[a.Dim], d.run.Options.salience.of, w, g, g2, moreau.UnitsOf(p, i))
		if err := finiteScores(d.read(a.Dim), a.Dim, " after "+p.Name); err != nil {
			return err
		}
	}
	return nil
}

func (d *reducer) read(dim model.Dim) []float64 {
	units := make([]float64, dim.Units)
	d.run.Backend.ReadSums(units, d.sums[dim])
	return units
}

// scores are what was added up.
func (d *reducer) scores() Scores {
	s := Scores{}
	for dim := range d.sums {
		s[dim] = d.read(dim)
	}
	return s
}

func (d *reducer) free() {
	for _, s := range d.sums {
		d.run.Backend.FreeSums(s)
	}
}

func finite(loss float64) error { return transformer.Finite("the calibration loss", loss) }
