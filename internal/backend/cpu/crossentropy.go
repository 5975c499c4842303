package cpu

import (
	"math"

	"moreau/internal/backend"
)

// CrossEntropyForward adds the vocabulary entries from..from+V to what lse and
// picked know of the N rows; rows without a target keep theirs.
func (b *Backend) CrossEntropyForward(lse, picked []float64, logits backend.Buffer, targets []int32, N, from, V int) {
	xs := first(logits, N*V, "CrossEntropy logits")
	b.each(N, func(w *worker, n int) {
		if targets[n] < 0 {
			return
		}
		row := xs[n*V : (n+1)*V]
		lse[n] = logAddExp(lse[n], b.logSumExp(w, row))
		if v := int(targets[n]) - from; v >= 0 && v < V {
			picked[n] = float64(row[v])
		}
	})
}

// CrossEntropyBackward replaces logits, in place, by scale · (softmax - onehot(targets)),
// for the softmax over all entries; rows without a target become 0.
func (b *Backend) CrossEntropyBackward(logits backend.Buffer, lse []float64, targets []int32, N, from, V int, scale float32) {
	xs := first(logits, N*V, "CrossEntropy logits")
	b.each(N, func(_ *worker, n int) {
		row := xs[n*V : (n+1)*V]
		if targets[n] < 0 {
			clear(row)
			return
		}
		// exp(x - lse) as exp(x - shift)·exp(shift - lse): shift is lse in float32.
		shift := float32(lse[n])
		b.exp(row, row, 1, shift, scale*float32(math.Exp(float64(shift)-lse[n])))
		if v := int(targets[n]) - from; v >= 0 && v < V {
			row[v] -= scale
		}
	})
}

// logSumExp adds in float64 from one chunk to the next.
func (b *Backend) logSumExp(w *worker, x []float32) float64 {
	shift, scratch := b.maximum(x), w.scratch(chunk)
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
