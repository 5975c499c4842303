package cpu

import (
	"math"

	"moreau/internal/backend"
)

// scalars are a parameter with what its saliences are made of; g, g2 may be nil.
type scalars struct {
	form     backend.Salience
	w, g, g2 []float32
}

// part is values [lo, hi).
func (s scalars) part(lo, hi int) scalars {
	cut := func(x []float32) []float32 {
		if x == nil {
			return nil
		}
		return x[lo:hi]
	}
	return scalars{s.form, cut(s.w), cut(s.g), cut(s.g2)}
}

// count writes what each scalar counts to out; those of FirstOfLines keep their sign.
func (s scalars) count(out []float64) {
	w, g, g2 := s.w[:len(out)], s.g, s.g2
	switch s.form {
	case backend.AbsWeight:
		for i, v := range w {
			out[i] = math.Abs(float64(v))
		}
	case backend.SquareWeight:
		for i, v := range w {
			out[i] = float64(v) * float64(v)
		}
	case backend.FirstOrder:
		g = g[:len(w)]
		for i, v := range w {
			out[i] = math.Abs(float64(v) * float64(g[i]))
		}
	case backend.FirstOfLines:
		g = g[:len(w)]
		for i, v := range w {
			out[i] = float64(v) * float64(g[i])
		}
	case backend.SecondOrder:
		g2 = g2[:len(w)]
		for i, v := range w {
			out[i] = float64(v) * float64(v) * float64(g2[i])
		}
	case backend.BothOrders:
		g, g2 = g[:len(w)], g2[:len(w)]
		for i, v := range w {
			v := float64(v)
			out[i] = math.Abs(v*float64(g[i]) - v*v*float64(g2[i])/2)
		}
	}
}

// UnitSaliences adds up each line of a unit, a row or a column, in order, and then the
// lines of a unit in theirs.
func (b *Backend) UnitSaliences(to backend.Sums, form backend.Salience, w, g, g2 backend.Buffer, u backend.Units) {
	n := u.Rows * u.Cols
	values := func(x backend.Buffer) []float32 {
		if x == nil {
			return nil
		}
		return first(x, n, "UnitSaliences")
	}
	s, sums := scalars{form, values(w), values(g), values(g2)}, sums64(to, u.Len()/u.Width, "UnitSaliences sums")
	lines := make([]float64, u.Len())
	if u.Axis == 0 {
		b.rowSums(lines, s, u.Cols)
	} else {
		b.columnSums(lines, s, u.Rows)
	}
	for i, v := range lines {
		sums[i/u.Width] += math.Abs(v) // which only FirstOfLines leaves negative
	}
}

// rowTogether is how many rows rowSums adds up side by side, so that additions, each of
// which waits for the one before in its row, follow each other faster.
const rowTogether = 4

// rowSums adds up each row of cols scalars.
func (b *Backend) rowSums(sums []float64, s scalars, cols int) {
	b.spans(len(sums), rowTogether, func(_ *worker, lo, hi int) {
		var counts [rowTogether][columnBlock]float64 // rows beyond hi stay 0
		var t0, t1, t2, t3 float64
		for from := 0; from < cols; from += columnBlock {
			n := min(columnBlock, cols-from)
			for r := lo; r < hi; r++ {
				s.part(r*cols+from, r*cols+from+n).count(counts[r-lo][:n])
			}
			c0, c1, c2, c3 := counts[0][:n], counts[1][:n], counts[2][:n], counts[3][:n]
			for i, v := range c0 {
				t0, t1, t2, t3 = t0+v, t1+c1[i], t2+c2[i], t3+c3[i]
			}
		}
		copy(sums[lo:hi], []float64{t0, t1, t2, t3})
	})
}

// columnSums adds up each column of rows scalars; no column is in two tasks.
func (b *Backend) columnSums(sums []float64, s scalars, rows int) {
	cols := len(sums)
	b.spans(cols, columnBlock, func(_ *worker, lo, hi int) {
		var buffer [columnBlock]float64
		counts, sums := buffer[:hi-lo], sums[lo:hi]
		for r := range rows {
			s.part(r*cols+lo, r*cols+hi).count(counts)
			for i, v := range counts {
				sums[i] += v
			}
		}
	})
}
