package cpu

import "moreau/internal/backend"

// columnBlock is the columns of a task, rounded up to whole units.
const columnBlock = 256

// UnitSumSquares adds to sums[u] the sum of x² over unit u.
func (b *Backend) UnitSumSquares(sums backend.Sums, x backend.Buffer, u backend.Units) {
	b.UnitDots(sums, x, x, u)
}

// UnitDots adds to sums[u] the sum of x·y over unit u.
func (b *Backend) UnitDots(to backend.Sums, x, y backend.Buffer, u backend.Units) {
	ys, sums := first(y, u.Rows*u.Cols, "Units y"), to.(*float64s).data
	if size := u.Width * u.Cols; u.Axis == 0 && size > chunk && size*len(sums) == u.Rows*u.Cols {
		b.longUnitDots(sums, first(x, u.Rows*u.Cols, "Units x"), ys, size)
		return
	}
	b.runs(x, u, len(sums), func(unit, at int, xs []float32, width int) {
		ys := ys[at : at+len(xs)]
		if width < 32 {
			dots64(sums[unit:], xs, ys, width)
			return
		}
		for lo := 0; lo < len(xs); lo += width {
			sums[unit] += b.longDot(xs[lo:lo+width], ys[lo:lo+width])
			unit++
		}
	})
}

// longUnitDots adds the longDot of each unit of size values: the dots of its chunks over
// all threads, and then their sum in order, so that a single large unit is no single task.
func (b *Backend) longUnitDots(sums []float64, x, y []float32, size int) {
	each := ceilDiv(size, chunk)
	dots := make([]float64, len(sums)*each)
	b.spans(len(dots), 8, func(_ *worker, from, to int) {
		for i := from; i < to; i++ {
			lo := i/each*size + i%each*chunk
			hi := min(lo+chunk, (i/each+1)*size)
			dots[i] = float64(b.dot(x[lo:hi], y[lo:hi]))
		}
	})
	for u := range sums {
		var sum float64
		for _, v := range dots[u*each : (u+1)*each] {
			sum += v
		}
		sums[u] += sum
	}
}

// dots64 is the sums of units too narrow for a kernel.
func dots64(sums []float64, x, y []float32, width int) {
	if width == 1 {
		sums, y = sums[:len(x)], y[:len(x)]
		for u, v := range x {
			sums[u] += float64(v) * float64(y[u])
		}
		return
	}
	for u := range len(x) / width {
		sum := sums[u]
		for i := u * width; i < (u+1)*width; i++ {
			sum += float64(x[i]) * float64(y[i])
		}
		sums[u] = sum
	}
}

// UnitScale multiplies every value of unit u by factors[u].
func (b *Backend) UnitScale(x backend.Buffer, factors []float32, u backend.Units) {
	b.runs(x, u, len(factors), func(unit, _ int, values []float32, width int) {
		for ; len(values) > 0; values = values[width:] {
			for i := range values[:width] {
				values[i] *= factors[unit]
			}
			unit++
		}
	})
}

// runs visits all values of x as runs of units, each from value at on: width values
// of one unit, then width of the next. No unit is in two tasks, and its rows come in
// order.
func (b *Backend) runs(x backend.Buffer, u backend.Units, units int, visit func(unit, at int, values []float32, width int)) {
	xs := first(x, u.Rows*u.Cols, "Units")
	if u.Len() != units*u.Width {
		panic("cpu: Units: units times width is not the length of the axis")
	}
	if u.Axis == 0 {
		size := u.Width * u.Cols
		b.each(units, func(_ *worker, i int) { visit(i, i*size, xs[i*size:(i+1)*size], size) })
		return
	}
	b.spans(u.Cols, roundUp(columnBlock, u.Width), func(_ *worker, lo, hi int) {
		for row := range u.Rows {
			at := row * u.Cols
			visit(lo/u.Width, at+lo, xs[at+lo:at+hi], u.Width)
		}
	})
}
