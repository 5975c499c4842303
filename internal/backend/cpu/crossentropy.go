package cpu

import (
	"math"

	"moreau/internal/backend"
)

// CrossEntropyForward: nll[n] = logsumexp(logits[n,:]) - logits[n, targets[n]];
// 0 where targets[n] < 0.
func (b *Backend) CrossEntropyForward(nll []float64, logits backend.Buffer, targets []int32, N, V int) {
	xs := first(logits, N*V, "CrossEntropy logits")
	b.each(N, func(w *worker, n int) {
		nll[n] = 0
		if t := targets[n]; t >= 0 {
			row := xs[n*V : (n+1)*V]
			nll[n] = b.logSumExp(w, row) - float64(row[t])
		}
	})
}

// CrossEntropyBackward replaces logits, in place, by scale · (softmax(logits) -
// onehot(targets)); rows without a target become 0.
func (b *Backend) CrossEntropyBackward(logits backend.Buffer, nll []float64, targets []int32, N, V int, scale float32) {
	xs := first(logits, N*V, "CrossEntropy logits")
	b.each(N, func(_ *worker, n int) {
		row, t := xs[n*V:(n+1)*V], targets[n]
		if t < 0 {
			clear(row)
			return
		}
		// exp(x - lse) as exp(x - shift)·exp(shift - lse): shift is lse in float32.
		lse := nll[n] + float64(row[t])
		shift := float32(lse)
		b.exp(row, row, 1, shift, scale*float32(math.Exp(float64(shift)-lse)))
		row[t] -= scale
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
