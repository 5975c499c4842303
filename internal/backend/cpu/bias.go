package cpu

import "moreau/internal/backend"

// biasRows is the rows of a task of the bias ops; the partial sums of dbias are one for each.
const biasRows = 32

// BiasForward: x[n,:] += bias[C] for every row of x[N,C], in place.
func (b *Backend) BiasForward(x, bias backend.Buffer, N, C int) {
	xs, add := first(x, N*C, "Bias x"), first(bias, C, "Bias bias")
	b.spans(N, biasRows, func(_ *worker, lo, hi int) {
		for n := lo; n < hi; n++ {
			b.axpby(xs[n*C:(n+1)*C], 1, add, 1)
		}
	})
}

// BiasBackward: dbias[C] += Σ_n dout[n,:] of dout[N,C], by tasks of rows and then
// over the tasks in order.
func (b *Backend) BiasBackward(dbias, dout backend.Buffer, N, C int) {
	d, sum := first(dout, N*C, "Bias dout"), first(dbias, C, "Bias dbias")
	parts, _ := b.memory.take(ceilDiv(N, biasRows) * C)
	defer b.memory.put(parts)
	b.spans(N, biasRows, func(_ *worker, lo, hi int) {
		part := parts[lo/biasRows*C:][:C]
		clear(part)
		for n := lo; n < hi; n++ {
			b.axpby(part, 1, d[n*C:(n+1)*C], 1)
		}
	})
	for ; len(parts) > 0; parts = parts[C:] {
		b.axpby(sum, 1, parts[:C], 1)
	}
}
