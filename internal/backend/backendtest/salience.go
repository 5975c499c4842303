package backendtest

import (
	"math"

	"moreau/internal/backend"
)

// unitSaliences: every form against its formula in plain loops.
func unitSaliences(s *suite) {
	for name, form := range map[string]struct {
		salience backend.Salience
		g, g2    bool // what it uses
		of       func(w, g, g2 float64) float64
	}{
		"|w|":           {backend.AbsWeight, false, false, func(w, _, _ float64) float64 { return math.Abs(w) }},
		"w²":            {backend.SquareWeight, false, false, func(w, _, _ float64) float64 { return w * w }},
		"|wg|":          {backend.FirstOrder, true, false, func(w, g, _ float64) float64 { return math.Abs(w * g) }},
		"|Σwg|":         {backend.FirstOfLines, true, false, func(w, g, _ float64) float64 { return w * g }},
		"w²g2":          {backend.SecondOrder, false, true, func(w, _, g2 float64) float64 { return w * w * g2 }},
		"|wg - w²g2/2|": {backend.BothOrders, true, true, func(w, g, g2 float64) float64 { return math.Abs(w*g - w*w*g2/2) }},
	} {
		for _, u := range unitShapes {
			n := u.Rows * u.Cols
			w, g, g2 := s.values(n), s.values(n), s.values(n)
			lines, want := make([]float64, u.Len()), make([]float64, u.Len()/u.Width)
			for i := range g2 {
				g2[i] = math.Abs(g2[i])
				lines[[]int{i / u.Cols, i % u.Cols}[u.Axis]] += form.of(w[i], g[i], g2[i])
			}
			for i, v := range lines {
				want[i/u.Width] += math.Abs(v)
			}
			bw := s.buffer(w)
			var bg, bg2 backend.Buffer
			if form.g {
				bg = s.buffer(g)
			}
			if form.g2 {
				bg2 = s.buffer(g2)
			}
			got := s.reduced(len(want), func(sums backend.Sums) { s.be.UnitSaliences(sums, form.salience, bw, bg, bg2, u) })
			s.near("UnitSaliences "+name, got, want, rounding)
			s.release()
		}
	}
	s.panics("sums that are not as many as the units", func() {
		s.be.UnitSaliences(s.be.NewSums(2), backend.AbsWeight, s.be.New(15), nil, nil, backend.Units{Rows: 5, Cols: 3, Axis: 0, Width: 1})
	})
}
