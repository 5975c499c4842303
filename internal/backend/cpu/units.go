package cpu

import "moreau/internal/backend"

// columnBlock is the columns of a task, rounded up to whole units.
const columnBlock = 256

// UnitSumSquares adds to sums[u] the sum of x² over unit u.
func (b *Backend) UnitSumSquares(sums []float64, x backend.Buffer, u backend.Units) {
	b.runs(x, u, len(sums), func(unit int, values []float32, width int) {
		if width < 32 {
			sumSquares64(sums[unit:], values, width)
			return
		}
		for ; len(values) > 0; values = values[width:] {
			sums[unit] += b.sumSquares(values[:width])
			unit++
		}
	})
}

// sumSquares64 is the sums of units too narrow for a kernel.
func sumSquares64(sums []float64, values []float32, width int) {
	for u := range len(values) / width {
		sum := sums[u]
		for _, v := range values[u*width:][:width] {
			sum += float64(v) * float64(v)
		}
		sums[u] = sum
	}
}

// UnitScale multiplies every value of unit u by factors[u].
func (b *Backend) UnitScale(x backend.Buffer, factors []float32, u backend.Units) {
	b.runs(x, u, len(factors), func(unit int, values []float32, width int) {
		for ; len(values) > 0; values = values[width:] {
			for i := range values[:width] {
				values[i] *= factors[unit]
			}
			unit++
		}
	})
}

// runs visits all values of x as runs of units: width values of one unit, then
// width of the next. No unit is in two tasks, and its rows come in order.
func (b *Backend) runs(x backend.Buffer, u backend.Units, units int, visit func(unit int, values []float32, width int)) {
	xs := first(x, u.Rows*u.Cols, "Units")
	along := u.Rows
	if u.Axis == 1 {
		along = u.Cols
	}
	if along != units*u.Width {
		panic("cpu: Units: units times width is not the length of the axis")
	}
	if u.Axis == 0 {
		size := u.Width * u.Cols
		b.each(units, func(_ *worker, i int) { visit(i, xs[i*size:(i+1)*size], size) })
		return
	}
	b.spans(u.Cols, roundUp(columnBlock, u.Width), func(_ *worker, lo, hi int) {
		for row := range u.Rows {
			visit(lo/u.Width, xs[row*u.Cols+lo:row*u.Cols+hi], u.Width)
		}
	})
}
