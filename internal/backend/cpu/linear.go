package cpu

import "moreau/internal/backend"

// fewRows is how many rows of x are multiplied without packing w: reading w once
// is then most of the work.
const fewRows = 4

// LinearForward: out[N,O] = x[N,I] · w[O,I]ᵀ.
func (b *Backend) LinearForward(out, x, w backend.Buffer, N, I, O int) {
	xs := first(x, N*I, "Linear x")
	if s, ok := w.(*stored); ok {
		b.linearStored(output(out, N*O, "Linear out"), xs, s, N, I, O)
		return
	}
	ws, o := first(w, O*I, "Linear w"), output(out, N*O, "Linear out")
	if N <= fewRows {
		b.linearDots(o, xs, ws, N, I, O)
		return
	}
	b.gemm(&b.linear, o, O, N, O, I, matrix{xs, I, 1}, matrix{ws, I, 1}, false)
}

// rowsOfDots is how many rows of I weights a task of dot products has.
func rowsOfDots(I int) int { return max(1, 16*chunk/max(1, I)) }

// linearDots is LinearForward by a dot product for each output, of rounded values if
// the format rounds.
func (b *Backend) linearDots(out, x, w []float32, N, I, O int) {
	if b.linear.rounds {
		memory, _ := b.memory.take(len(x))
		defer b.memory.put(memory)
		b.round(memory, x)
		x = memory
	}
	b.spans(O, rowsOfDots(I), func(t *worker, lo, hi int) {
		for o := lo; o < hi; o++ {
			row := w[o*I : (o+1)*I]
			if b.linear.rounds {
				b.round(t.scratch(I), row)
				row = t.scratch(I)
			}
			for n := range N {
				out[n*O+o] = b.dot(x[n*I:(n+1)*I], row)
			}
		}
	})
}

// LinearBackward: dx[N,I] += dout[N,O] · w[O,I];  dw[O,I] += dout[N,O]ᵀ · x[N,I].
func (b *Backend) LinearBackward(dx, dw, dout, x, w backend.Buffer, N, I, O int) {
	d := first(dout, N*O, "Linear dout")
	if dx != nil {
		ws := first(w, O*I, "Linear w")
		sum, add := total(dx, N*I, "Linear dx")
		b.gemm(&b.linear, sum, I, N, I, O, matrix{d, O, 1}, matrix{ws, 1, I}, add)
	}
	if dw != nil {
		xs := first(x, N*I, "Linear x")
		sum, add := total(dw, O*I, "Linear dw")
		b.gemm(&b.linear, sum, I, O, I, N, matrix{d, 1, O}, matrix{xs, 1, I}, add)
	}
}
