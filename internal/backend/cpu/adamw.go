package cpu

import (
	"math"

	"moreau/internal/backend"
)

// AdamW takes a step of w along g with the moments m and v.
func (b *Backend) AdamW(w, m, v, g backend.Buffer, s backend.AdamWStep) {
	ws := all(w)
	ms, vs, gs := same(m, w, "AdamW m"), same(v, w, "AdamW v"), same(g, w, "AdamW g")
	t := float64(s.Step)
	size := float32(s.LR / (1 - math.Pow(s.Beta1, t)))
	root := float32(1 / math.Sqrt(1-math.Pow(s.Beta2, t)))
	keep, eps := float32(1-s.LR*s.Decay), float32(s.Eps)
	b1, n1, b2, n2 := float32(s.Beta1), float32(1-s.Beta1), float32(s.Beta2), float32(1-s.Beta2)
	b.chunks(len(ws), func(_ *worker, lo, hi int) {
		ws, ms, vs, gs := ws[lo:hi], ms[lo:hi], vs[lo:hi], gs[lo:hi]
		b.axpby(ms, n1, gs, b1)
		for i, g := range gs {
			vs[i] = b2*vs[i] + n2*g*g
			ws[i] = keep*ws[i] - size*ms[i]/(float32(math.Sqrt(float64(vs[i])))*root+eps)
		}
	})
}
