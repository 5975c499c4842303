package cpu

import (
	"math"

	"moreau/internal/backend"
)

// Divergence adds the vocabulary entries from..from+V to what is known of the N rows;
// those without a target are left alone.
func (b *Backend) Divergence(rows backend.Sums, logits, other backend.Buffer, targets []int32, N, from, V int) {
	xs, ys := first(logits, N*V, "Divergence logits"), first(other, N*V, "Divergence of logits")
	known := sums64(rows, N*backend.DivergenceSums, "Divergence rows")
	b.each(N, func(w *worker, n int) {
		if targets[n] < 0 {
			return
		}
		x, y, r := xs[n*V:(n+1)*V], ys[n*V:(n+1)*V], known[n*backend.DivergenceSums:][:backend.DivergenceSums]
		if from == 0 {
			r[backend.DivergenceLSE], r[backend.DivergenceOfLSE], r[backend.DivergenceMean] = math.Inf(-1), math.Inf(-1), 0
		}
		r[backend.DivergenceLSE] = logAddExp(r[backend.DivergenceLSE], b.logSumExp(w, x, b.maximum(x)))
		lse, mean := b.meanLess(w, x, y)
		before := r[backend.DivergenceOfLSE]
		both := logAddExp(before, lse)
		r[backend.DivergenceMean] = r[backend.DivergenceMean]*math.Exp(before-both) + mean*math.Exp(lse-both)
		r[backend.DivergenceOfLSE] = both
	})
}

// DivergenceBackward replaces logits, in place, by scale · (softmax(logits) - softmax(other)), for softmaxes
// over all entries; rows without a target become 0.
func (b *Backend) DivergenceBackward(logits, other backend.Buffer, rows backend.Sums, targets []int32, N, V int, scale float32) {
	xs, ys := first(logits, N*V, "Divergence logits"), first(other, N*V, "Divergence of logits")
	known := sums64(rows, N*backend.DivergenceSums, "Divergence rows")
	b.each(N, func(w *worker, n int) {
		x, y, r := xs[n*V:(n+1)*V], ys[n*V:(n+1)*V], known[n*backend.DivergenceSums:]
		if targets[n] < 0 {
			clear(x)
			return
		}
		b.softmaxOf(x, x, r[backend.DivergenceLSE], scale)
		for lo := 0; lo < V; lo += chunk {
			hi := min(V, lo+chunk)
			of := w.scratch(hi - lo)
			b.softmaxOf(of, y[lo:hi], r[backend.DivergenceOfLSE], scale)
			b.axpby(x[lo:hi], -1, of, 1)
		}
	})
}

// softmaxOf: out = scale · exp(x - lse), as exp(x - shift)·exp(shift - lse): shift is lse in float32.
func (b *Backend) softmaxOf(out, x []float32, lse float64, scale float32) {
	shift := float32(lse)
	b.exp(out, x, 1, shift, scale*float32(math.Exp(float64(shift)-lse)))
}

// meanLess is the log-sum-exp of y, and the mean of y - x under the softmax of y; it adds in
// float64 from one chunk to the next.
func (b *Backend) meanLess(w *worker, x, y []float32) (lse, mean float64) {
	scratch, top := w.scratch(2*chunk), b.maximum(y)
	var sum, dot float64
	for lo := 0; lo < len(y); lo += chunk {
		hi := min(len(y), lo+chunk)
		weights, less := scratch[:hi-lo], scratch[chunk:][:hi-lo]
		sum += float64(b.exp(weights, y[lo:hi], 1, top, 1))
		copy(less, y[lo:hi])
		b.axpby(less, -1, x[lo:hi], 1)
		dot += float64(b.dot(weights, less))
	}
	return float64(top) + math.Log(sum), dot / sum
}
