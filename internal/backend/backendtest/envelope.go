package backendtest

import (
	"math"

	"moreau/internal/backend"
)

func perturb(s *suite) {
	const std = 0.125
	for _, n := range lengths() {
		w, delta, z := s.values(n), s.values(n), s.values(n)
		for _, absolute := range []bool{false, true} {
			bare, whole := make([]float64, n), make([]float64, n)
			for i := range w {
				size := math.Abs(w[i])
				if absolute {
					size = 1
				}
				bare[i] = w[i] + std*size*z[i]
				whole[i] = bare[i] + delta[i]
			}
			out, noise := s.junk(n), s.buffer(z)
			s.be.Perturb(out, s.buffer(w), s.buffer(delta), noise, std, absolute)
			s.near("Perturb", s.read(out), whole, rounding)
			s.be.Perturb(noise, s.buffer(w), nil, noise, std, absolute)
			s.near("Perturb in place without delta", s.read(noise), bare, rounding)
			s.release()
		}
	}
}

func axpby(s *suite) {
	for _, n := range lengths() {
		x, y := s.values(n), s.values(n)
		b := s.buffer(y)
		s.be.Axpby(b, 0.5, s.buffer(x), -3)
		for i := range y {
			y[i] = 0.5*x[i] - 3*y[i]
		}
		s.near("Axpby", s.read(b), y, rounding)
		s.release()
	}
}

func addSquares(s *suite) {
	for _, n := range lengths() {
		x, y := s.values(n), s.values(n)
		b := s.buffer(y)
		s.be.AddSquares(b, 0.25, s.buffer(x))
		for i := range y {
			y[i] += 0.25 * x[i] * x[i]
		}
		s.near("AddSquares", s.read(b), y, rounding)
		s.release()
	}
}

// unitShapes have units of one value, narrow and wide ones, and such as no thread adds up alone.
var unitShapes = []backend.Units{
	{Rows: 1, Cols: 1, Axis: 0, Width: 1}, {Rows: 17, Cols: 33, Axis: 0, Width: 1}, {Rows: 33, Cols: 5, Axis: 0, Width: 11},
	{Rows: 65, Cols: 1, Axis: 0, Width: 5}, {Rows: 17, Cols: 33, Axis: 1, Width: 1}, {Rows: 3, Cols: 66, Axis: 1, Width: 33},
	{Rows: 5, Cols: 700, Axis: 1, Width: 7}, {Rows: 9, Cols: 600, Axis: 1, Width: 300}, {Rows: 4, Cols: 2100, Axis: 0, Width: 2},
	{Rows: 1, Cols: 50_001, Axis: 0, Width: 1},
}

func units(s *suite) {
	for _, u := range unitShapes {
		units := u.Len() / u.Width
		x, y, factors := s.values(u.Rows*u.Cols), s.values(u.Rows*u.Cols), make([]float32, units)
		for i := range factors {
			factors[i] = float32(s.random.NormFloat64())
		}
		b, other := s.buffer(x), s.buffer(y)
		squares := s.reduced(units, func(sums backend.Sums) { s.be.UnitSumSquares(sums, b, u) })
		dots := s.reduced(units, func(sums backend.Sums) { s.be.UnitDots(sums, b, other, u) })
		s.be.UnitScale(b, factors, u)
		wantSquares, wantDots := make([]float64, units), make([]float64, units)
		for i, v := range x {
			unit := []int{i / u.Cols, i % u.Cols}[u.Axis] / u.Width
			wantSquares[unit] += v * v
			wantDots[unit] += v * y[i]
			x[i] = v * float64(factors[unit])
		}
		s.near("UnitSumSquares", squares, wantSquares, rounding)
		s.near("UnitDots", dots, wantDots, s.be.Summing())
		s.near("UnitScale", s.read(b), x, rounding)
		s.release()
	}
	s.panics("units that do not fill the axis", func() {
		s.be.UnitSumSquares(s.be.NewSums(2), s.be.New(15), backend.Units{Rows: 5, Cols: 3, Axis: 0, Width: 2})
	})
}
