package importance

import (
	"context"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// WalkTokens is how many tokens the methods of statistics take through a layer at once.
const WalkTokens = 2048

// statistic scores a column of o or down by its weights and by what they multiply.
type statistic struct {
	weights backend.Salience // of the column: the sum of |w| or of w²
	of      func(column) float64
	rows    bool                                                      // it wants column.fluctuation
	units   func(d model.Dim, columns []float64, width int) []float64 // of what columns count, width to a unit; nil: the sum
}

// column is a column j of o or down [O, I].
type column struct {
	weights      float64 // sum of the salience over its O weights
	outputs      float64 // O
	tokens       float64 // calibration tokens t
	sum, squares float64 // of the values x_tj over them
	fluctuation  float64 // see fluctuation
}

// wandaSP is mean_i |W_ij| · ||x_j||, FLAP's structured form of Wanda (An et al., arXiv
// 2312.11983; Sun et al., arXiv 2306.11695).
var wandaSP = statistic{weights: backend.AbsWeight, of: func(c column) float64 {
	return c.weights / c.outputs * math.Sqrt(c.squares)
}}

// wifv is Var_t(x_tj) · ||w_j||², FLAP's weighted input feature variance (arXiv 2312.11983).
var wifv = statistic{weights: backend.SquareWeight, of: func(c column) float64 {
	mean := c.sum / c.tokens
	return c.weights * max(0, c.squares/c.tokens-mean*mean)
}}

// energy is E_t[x_tj²] · ||w_j||²: what the projection's outputs lose in mean square when the
// column goes alone (the diagonal of OSSCAR's quadratic form, arXiv 2403.12983).
var energy = statistic{weights: backend.SquareWeight, of: func(c column) float64 {
	return c.weights * c.squares / c.tokens
}}

// statistics scores a unit by the sum of what its columns of o or down count. It walks by
// layers, so that rows are as many as their residual stream has room for.
func (r *Run) statistics(ctx context.Context) (Scores, error) {
	parts, walk, err := r.walk(ctx)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	scores := Scores{}
	for walk.Next() {
		if err := r.layerStatistics(ctx, walk, scores); err != nil {
			return nil, err
		}
	}
	return scores, r.walked(ctx, walk, parts)
}

// walked tells the loss of a walk of these parts that is behind the last layer.
func (r *Run) walked(ctx context.Context, walk *transformer.Walk, parts []transformer.Batch) error {
	predictions, err := walk.Predict(ctx, r.Weights, nil)
	if err != nil {
		return err
	}
	var loss float64
	for i, p := range predictions {
		loss += parts[i].Loss(p.NLL)
	}
	r.progress(1, 1, loss)
	return finite(loss)
}

// layerStatistics runs the walk's layer and scores its units.
func (r *Run) layerStatistics(ctx context.Context, walk *transformer.Walk, scores Scores) error {
	tap := &momentTap{be: r.Backend, rows: r.Options.statistic.rows, sites: r.sites(), seen: map[model.Dim]*moments{}}
	defer tap.free()
	err := walk.Run(ctx, r.Weights, tap)
	for _, d := range r.Config.Dims() {
		if m := tap.seen[d]; m != nil && err == nil {
			scores[d], err = r.columns(d, m)
		}
	}
	return err
}

// columns scores the units of d.
func (r *Run) columns(d model.Dim, m *moments) ([]float64, error) {
	p, axis := r.into(d)
	w, err := r.Weights.Weight(p)
	if err != nil {
		return nil, err
	}
	defer r.Weights.Release(p, w)
	u := moreau.UnitsOf(p, axis)
	width := u.Width
	u.Width = 1
	weights := backend.Reduce(r.Backend, u.Cols, func(sums backend.Sums) {
		r.Backend.UnitSaliences(sums, r.Options.statistic.weights, w, nil, nil, u)
	})
	sum, squares := make([]float64, u.Cols), make([]float64, u.Cols)
	r.Backend.ReadSums(sum, m.sum)
	r.Backend.ReadSums(squares, m.squares)
	columns := make([]float64, u.Cols)
	for j := range columns {
		c := column{weights: weights[j], outputs: float64(u.Rows), tokens: m.tokens, sum: sum[j], squares: squares[j]}
		if m.flap != nil {
			c.fluctuation = m.flap.sum[j]
		}
		columns[j] = r.Options.statistic.of(c)
	}
	reduce := r.Options.statistic.units
	if reduce == nil {
		reduce = sums
	}
	units := reduce(d, columns, width)
	return units, finiteScores(units, d, "")
}

// sums of what each unit's columns count.
func sums(d model.Dim, columns []float64, width int) []float64 {
	units := make([]float64, d.Units)
	for j, v := range columns {
		units[j/width] += v
	}
	return units
}

// into is the parameter that the values of d's units enter, o or down, and its axis along d.
func (r *Run) into(d model.Dim) (model.Param, int) {
	for _, p := range r.Config.LayerParams(d.Layer) {
		if p.Role == model.O || p.Role == model.Down {
			if axis := p.Axis(d); axis >= 0 {
				return p, axis
			}
		}
	}
	panic("importance: " + d.String() + " enters no projection")
}

// moments are the sums, by column, over the tokens seen at a site.
type moments struct {
	tokens       float64
	sum, squares backend.Sums
	flap         *fluctuation // nil: not asked for
}

// momentTap sums up what it sees at sites.
type momentTap struct {
	be    backend.Backend
	rows  bool // fluctuations are asked for
	sites map[site]model.Dim
	seen  map[model.Dim]*moments
}

func (t *momentTap) free() {
	for _, m := range t.seen {
		t.be.FreeSums(m.sum)
		t.be.FreeSums(m.squares)
	}
}

func (t *momentTap) Sees(layer int, at transformer.Site) transformer.Sight {
	if _, ok := t.sites[site{layer, at}]; ok {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (t *momentTap) See(s transformer.Seen) error {
	d := t.sites[site{s.Layer, s.Site}]
	m := t.seen[d]
	if m == nil {
		m = &moments{sum: t.be.NewSums(s.Width), squares: t.be.NewSums(s.Width)}
		if t.rows {
			m.flap = newFluctuation(s.Width)
		}
		t.seen[d] = m
	}
	if m.flap != nil {
		t.eachRow(s, m.flap)
	}
	for _, n := range s.Lengths {
		m.tokens += float64(n)
	}
	t.be.ColumnMoments(m.sum, m.squares, s.X, s.Lengths, s.T, s.Width)
	return nil
}
