package cpu

import (
	"math"

	"moreau/internal/backend"
)

// normRows is the rows of a task of RMSNorm; the partial sums of dw are one for each.
const normRows = 32

// RMSNormForward: out[n,:] = x[n,:] · rstd[n] · w, rstd[n] = 1/sqrt(mean(x[n,:]²) + eps).
func (b *Backend) RMSNormForward(out, rstd, x, w backend.Buffer, N, C int, eps float32) {
	xs, ws := first(x, N*C, "RMSNorm x"), first(w, C, "RMSNorm w")
	o, r := output(out, N*C, "RMSNorm out"), output(rstd, N, "RMSNorm rstd")
	b.spans(N, normRows, func(_ *worker, lo, hi int) {
		for n := lo; n < hi; n++ {
			row := xs[n*C : (n+1)*C]
			r[n] = float32(1 / math.Sqrt(b.longDot(row, row)/float64(C)+float64(eps)))
			b.mul(o[n*C:(n+1)*C], r[n], row, ws)
		}
	})
}

// RMSNormBackward adds, with h = dout·w and r = rstd[n], r·h - x·r³·mean(h·x) to
// dx[N,C] and Σ_n dout·x·r to dw[C]; either may be nil.
func (b *Backend) RMSNormBackward(dx, dw, dout, x, w, rstd backend.Buffer, N, C int) {
	gx, addX := wanted(dx, N*C, "RMSNorm dx")
	gw, addW := wanted(dw, C, "RMSNorm dw")
	d, xs := first(dout, N*C, "RMSNorm dout"), first(x, N*C, "RMSNorm x")
	ws, r := first(w, C, "RMSNorm w"), first(rstd, N, "RMSNorm rstd")
	var sums []float32
	if gw != nil {
		sums, _ = b.memory.take(ceilDiv(N, normRows) * C)
		defer b.memory.put(sums)
	}
	b.spans(N, normRows, func(k *worker, lo, hi int) {
		h := k.scratch(C)
		if gw != nil {
			clear(sums[lo/normRows*C:][:C])
		}
		for n := lo; n < hi; n++ {
			dn, xn := d[n*C:(n+1)*C], xs[n*C:(n+1)*C]
			if gx != nil {
				b.mul(h, r[n], dn, ws)
				mean := b.dot(h, xn) / float32(C)
				g := gx[n*C : (n+1)*C]
				if !addX {
					clear(g)
				}
				b.axpby(g, 1, h, 1)
				b.axpby(g, -mean*r[n]*r[n], xn, 1)
			}
			if gw != nil {
				b.mulAdd(sums[lo/normRows*C:][:C], r[n], dn, xn)
			}
		}
	})
	if !addW {
		clear(gw)
	}
	for ; len(sums) > 0; sums = sums[C:] {
		b.axpby(gw, 1, sums[:C], 1)
	}
}

// longDot is the sum of x·y, in float64 from one chunk to the next.
func (b *Backend) longDot(x, y []float32) float64 {
	var sum float64
	for ; len(x) > chunk; x, y = x[chunk:], y[chunk:] {
		sum += float64(b.dot(x[:chunk], y[:chunk]))
	}
	return sum + float64(b.dot(x, y))
}
