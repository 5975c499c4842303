package cpu

import "moreau/internal/backend"

// attentionGrads is one backward call: gradients that are not wanted are nil.
type attentionGrads struct {
	attention
	dq, dk, dv              []float32 // dk, dv: [B,H,S,D], one for each query head
	addQ                    bool      // to what is in dq
	dout, out, lse, q, k, v []float32
	keys, keysT, values     []panels
}

// AttentionBackward adds to dq[B,T,H,D], dk, dv[B,S,K,D]; any may be nil. With
// P the softmax and dP = dout·vᵀ: dv = Pᵀ·dout, dS = scale·P·(dP - Σ dout·out),
// times the slope of the cap, dq = dS·k, dk = dSᵀ·q.
func (b *Backend) AttentionBackward(dq, dk, dv, dout, out, lse, q, k, v backend.Buffer, s backend.AttentionShape) {
	a := b.attention(s)
	queries, kvs := s.B*s.T*a.qs, s.B*s.S*a.kvs
	g := attentionGrads{
		attention: a,
		dout:      first(dout, queries, "Attention dout"),
		out:       first(out, queries, "Attention out"),
		lse:       first(lse, s.B*s.H*s.T, "Attention lse"),
		q:         first(q, queries, "Attention q"),
		k:         first(k, kvs, "Attention k"),
		v:         first(v, kvs, "Attention v"),
	}
	g.dq, g.addQ = wanted(dq, queries, "Attention dq")
	var memory [3][]float32
	g.keys, memory[0] = a.packHeads(g.k, 0, s.B*s.K, false)
	g.keysT, memory[1] = a.packHeads(g.k, 0, s.B*s.K, true)
	g.values, memory[2] = a.packHeads(g.v, 0, s.B*s.K, false)
	heads := s.B * s.H * s.S * s.D
	if dk != nil {
		g.dk, _ = b.memory.take(heads)
	}
	if dv != nil {
		g.dv, _ = b.memory.take(heads)
	}
	b.each(s.B*s.H, g.head)
	g.gather(dk, g.dk)
	g.gather(dv, g.dv)
	for _, m := range memory {
		b.memory.put(m)
	}
}

// head makes the gradients of query head i, tile by tile. The last tile writes the
// gradients of the keys and values that its queries see, which are all without a
// window; others add to them.
func (g *attentionGrads) head(w *worker, i int) {
	last := (g.T - 1) / g.rows * g.rows
	if g.Window > 0 {
		for _, heads := range [][]float32{g.dk, g.dv} {
			if heads != nil {
				clear(heads[i*g.S*g.D:][:g.S*g.D])
			}
		}
	}
	for t := last; t >= 0; t -= g.rows {
		g.tile(w, i, t, t < last)
	}
}

// tile makes what the queries from position t on contribute, and adds it to the
// gradients of k and v if add.
func (g *attentionGrads) tile(w *worker, head, t int, add bool) {
	i, h := head/g.H, head%g.H
	kv := i*g.K + h/(g.H/g.K)
	rows, from, n := g.extent(t)
	square, wide := rows*n, roundUp(g.D, g.nr)*rows
	area := w.scratch(2*square + wide + n + roundUp(max(rows, n), g.mr)*max(rows, n, g.D))
	p, ds, right, rest := area[:square], area[square:2*square], area[2*square:][:wide], area[2*square+wide:]
	less, packed := rest[:n], rest[n:]

	q, dout := g.query(g.q, i, t, h), g.query(g.dout, i, t, h)
	g.product(w, packed, p, n, rows, n, g.D, matrix{q, g.qs, 1}, g.keys[kv].rowsFrom(from), false)
	g.product(w, packed, ds, n, rows, n, g.D, matrix{dout, g.qs, 1}, g.values[kv].rowsFrom(from), false)
	for r := range rows {
		lo, hi := g.seen(t + r)
		pr, dr := p[r*n:(r+1)*n], ds[r*n:(r+1)*n]
		out := g.query(g.out, i, t+r, h)[:g.D]
		g.softmaxBackward(pr, dr, less, dout[r*g.qs:][:g.D], out, g.lse[head*g.T+t+r], lo-from, hi-from)
	}
	slab := (head*g.S + from) * g.D
	if g.dv != nil {
		y := g.packOn(right, matrix{dout, 1, g.qs}, g.D, rows, g.nr)
		g.product(w, packed, g.dv[slab:], g.D, n, g.D, rows, matrix{p, 1, n}, y, add)
	}
	if g.dk != nil {
		y := g.packOn(right, matrix{q, 1, g.qs}, g.D, rows, g.nr)
		g.product(w, packed, g.dk[slab:], g.D, n, g.D, rows, matrix{ds, 1, n}, y, add)
	}
	if g.dq != nil {
		dq := g.query(g.dq, i, t, h)
		g.product(w, packed, dq, g.qs, rows, g.D, n, matrix{ds, n, 1}, g.keysT[kv].depthFrom(from, g.nr), g.addQ)
	}
}

// softmaxBackward makes a row of products of the query and the keys the weights p,
// and that of dP dS, for the keys [lo, hi) that are seen; both become 0 for the
// others. less is room for as many values.
func (g *attentionGrads) softmaxBackward(p, ds, less, dout, out []float32, lse float32, lo, hi int) {
	for _, row := range [][]float32{p, ds} {
		clear(row[:lo])
		clear(row[hi:])
	}
	p, ds, less = p[lo:hi], ds[lo:hi], less[lo:hi]
	scale := g.capped(p)
	if g.Cap > 0 {
		g.capLoss(less, p, g.Cap)
	}
	g.exp(p, p, scale, lse, 1)
	g.mul(ds, g.Scale, p, ds)
	g.axpby(ds, -g.Scale*g.dot(dout, out), p, 1)
	if g.Cap > 0 {
		g.mulAdd(ds, 1, ds, less)
	}
}

// gather adds to dst[B,S,K,D] the gradients of query heads that share a KV head.
func (g *attentionGrads) gather(dst backend.Buffer, heads []float32) {
	if dst == nil {
		return
	}
	d, add := total(dst, g.B*g.S*g.kvs, "Attention dk, dv")
	group := g.H / g.K
	g.each(g.B*g.K, func(_ *worker, i int) {
		for s := range g.S {
			row := d[((i/g.K*g.S+s)*g.K+i%g.K)*g.D:][:g.D]
			if !add {
				clear(row)
			}
			for h := range group {
				g.axpby(row, 1, heads[((i*group+h)*g.S+s)*g.D:][:g.D], 1)
			}
		}
	})
	g.memory.put(heads)
}
