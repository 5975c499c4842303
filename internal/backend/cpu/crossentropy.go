package cpu

import (
	"math"
	"slices"

	"moreau/internal/backend"
)

// CrossEntropyForward adds the vocabulary entries from..from+V to what is known of the N
// rows; those without a target are left alone.
func (b *Backend) CrossEntropyForward(rows backend.Sums, logits backend.Buffer, targets []int32, N, from, V int) {
	xs, known := first(logits, N*V, "CrossEntropy logits"), sums64(rows, N*backend.RowSums, "CrossEntropy rows")
	b.each(N, func(w *worker, n int) {
		if targets[n] < 0 {
			return
		}
		row, r := xs[n*V:(n+1)*V], known[n*backend.RowSums:][:backend.RowSums]
		if from == 0 {
			r[backend.RowLSE], r[backend.RowTop], r[backend.RowBest] = math.Inf(-1), math.Inf(-1), -1
		}
		top := b.maximum(row)
		r[backend.RowLSE] = logAddExp(r[backend.RowLSE], b.logSumExp(w, row, top))
		if v := int(targets[n]) - from; v >= 0 && v < V {
			r[backend.RowPicked] = float64(row[v])
		}
		if float64(top) > r[backend.RowTop] {
			r[backend.RowTop], r[backend.RowBest] = float64(top), float64(from+slices.Index(row, top))
		}
	})
}

// CrossEntropyBackward replaces logits, in place, by scale · (softmax - onehot(targets)),
// for the softmax over all entries; rows without a target become 0.
func (b *Backend) CrossEntropyBackward(logits backend.Buffer, rows backend.Sums, targets []int32, N, from, V int, scale float32) {
	xs, known := first(logits, N*V, "CrossEntropy logits"), sums64(rows, N*backend.RowSums, "CrossEntropy rows")
	b.each(N, func(_ *worker, n int) {
		row := xs[n*V : (n+1)*V]
		if targets[n] < 0 {
			clear(row)
			return
		}
		b.softmaxOf(row, row, known[n*backend.RowSums+backend.RowLSE], scale)
		if v := int(targets[n]) - from; v >= 0 && v < V {
			row[v] -= scale
		}
	})
}

// logSumExp, of values up to shift, adds in float64 from one chunk to the next.
func (b *Backend) logSumExp(w *worker, x []float32, shift float32) float64 {
	scratch := w.scratch(chunk)
	var sum float64
	for lo := 0; lo < len(x); lo += chunk {
		part := x[lo:min(len(x), lo+chunk)]
		sum += float64(b.exp(scratch[:len(part)], part, 1, shift, 1))
	}
	return float64(shift) + math.Log(sum)
}

// logAddExp is log(exp(x) + exp(y)).
func logAddExp(x, y float64) float64 {
	if math.IsInf(x, -1) {
		return y
	}
	top := max(x, y) // NaN if one of them is
	return top + math.Log1p(math.Exp(min(x, y)-top))
}
