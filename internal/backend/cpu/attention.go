package cpu

import (
	"math"
	"math/bits"

	"moreau/internal/backend"
)

// queryRows is about how many queries share a tile of scores.
const queryRows = 48

// packedAtOnce is how many packed keys, and how many values, of several KV heads there are at once: behind
// a long cache these would be as many as a layer of it.
const packedAtOnce = 1 << 20

// attention is one call: the sizes, and where heads stand in memory.
type attention struct {
	*Backend
	backend.AttentionShape
	qs, kvs int // distance of two positions of a query head, of a KV head
	rows    int // queries in a tile
}

func (b *Backend) attention(s backend.AttentionShape) attention {
	if s.K <= 0 || s.H%s.K != 0 || s.T > s.S || s.Window < 0 || s.Cap < 0 {
		panic("cpu: Attention: H is no multiple of K, T exceeds S, or window or cap is negative")
	}
	return attention{b, s, s.H * s.D, s.K * s.D, roundUp(queryRows, b.mr)}
}

// query is the part of x[B,T,H,D] from sequence i, position t, head h on.
func (a attention) query(x []float32, i, t, h int) []float32 {
	return x[((i*a.T+t)*a.H+h)*a.D:]
}

// keys is KV head kv of sequence i of x[B,S,K,D] as an operand with a row a position.
func (a attention) keys(x []float32, i, kv int) matrix {
	return matrix{x[(i*a.S*a.K+kv)*a.D:], a.kvs, 1}
}

// transposed exchanges rows and the common dimension.
func (m matrix) transposed() matrix { return matrix{m.data, m.cs, m.rs} }

// packHeads packs KV heads lo to hi, counted through all sequences, of x[B,S,K,D] as the right operand of a
// product: of scores (a row a position) or, transposed, of a sum over positions. The panels are in memory from
// the pool, to be given back.
func (a attention) packHeads(x []float32, lo, hi int, transposed bool) (heads []panels, memory []float32) {
	rows, depth := a.S, a.D
	if transposed {
		rows, depth = a.D, a.S
	}
	size := roundUp(rows, a.nr) * depth
	heads = make([]panels, hi-lo)
	all := len(heads) * size
	if a.T < a.S { // a cache, which grows: of few sizes, so that what no longer fits is little
		all = 1 << bits.Len(uint(all-1))
	}
	memory, _ = a.memory.take(all)
	a.each(len(heads), func(_ *worker, i int) {
		m := a.keys(x, (lo+i)/a.K, (lo+i)%a.K)
		if transposed {
			m = m.transposed()
		}
		heads[i] = a.packOn(memory[i*size:(i+1)*size], m, rows, depth, a.nr)
	})
	return heads, memory
}

// AttentionForward: out[B,T,H,D] = softmax(cap(scale·q·kᵀ))·v, causal; lse[B,H,T] is the
// log-sum-exp of each row of scores, scaled and capped.
func (b *Backend) AttentionForward(out, lse, q, k, v backend.Buffer, s backend.AttentionShape) {
	a := b.attention(s)
	qs := first(q, s.B*s.T*a.qs, "Attention q")
	ks, vs := first(k, s.B*s.S*a.kvs, "Attention k"), first(v, s.B*s.S*a.kvs, "Attention v")
	o, l := output(out, s.B*s.T*a.qs, "Attention out"), output(lse, s.B*s.H*s.T, "Attention lse")
	if s.T <= fewRows {
		b.each(s.B*s.H*s.T, func(w *worker, task int) {
			head, t := task/s.T, task%s.T
			i, h := head/s.H, head%s.H
			k, v := a.keys(ks, i, h/(s.H/s.K)), a.keys(vs, i, h/(s.H/s.K))
			l[task] = a.forwardQuery(w, a.query(o, i, t, h)[:s.D], a.query(qs, i, t, h)[:s.D], k, v, t)
		})
		return
	}
	atOnce := max(1, packedAtOnce/max(1, s.S*roundUp(s.D, b.nr)))
	for lo := 0; lo < s.B*s.K; lo += atOnce {
		a.forwardHeads(o, l, qs, ks, vs, lo, min(lo+atOnce, s.B*s.K))
	}
}

// forwardHeads makes the outputs of the query heads of KV heads lo to hi, counted through all sequences.
func (a attention) forwardHeads(out, lse, q, k, v []float32, lo, hi int) {
	keys, m1 := a.packHeads(k, lo, hi, false)
	values, m2 := a.packHeads(v, lo, hi, true)
	defer a.memory.put(m1)
	defer a.memory.put(m2)
	tiles, queries := ceilDiv(a.T, a.rows), a.H/a.K
	a.each((hi-lo)*queries*tiles, func(w *worker, task int) {
		head, t := lo*queries+task/tiles, task%tiles*a.rows
		i, h, kv := head/a.H, head%a.H, head/queries-lo
		a.forwardTile(w, a.query(out, i, t, h), lse[head*a.T+t:], a.query(q, i, t, h), keys[kv], values[kv], t)
	})
}

// forwardQuery makes the output of one query of one head, and gives its log-sum-exp.
func (a attention) forwardQuery(w *worker, out, q []float32, keys, values matrix, t int) float32 {
	lo, hi := a.seen(t)
	weights := w.scratch(hi - lo)
	a.dotRows(weights, q, keys.data[lo*keys.rs:], keys.rs)
	lse := a.softmax(weights)
	a.mixRows(out, weights, values.data[lo*values.rs:], values.rs)
	return lse
}

// forwardTile makes the outputs of the queries from position t on, of one head.
func (a attention) forwardTile(w *worker, out, lse, q []float32, keys, values panels, t int) {
	rows, from, n := a.extent(t)
	area := w.scratch(rows*n + roundUp(rows, a.mr)*max(n, a.D))
	weights, packed := area[:rows*n], area[rows*n:]
	a.product(w, packed, weights, n, rows, n, a.D, matrix{q, a.qs, 1}, keys.rowsFrom(from), false)
	for r := range rows {
		row := weights[r*n : (r+1)*n]
		lo, hi := a.seen(t + r)
		lse[r] = a.softmax(row[lo-from : hi-from])
		clear(row[:lo-from])
		clear(row[hi-from:])
	}
	a.product(w, packed, out, a.qs, rows, a.D, n, matrix{weights, n, 1}, values.depthFrom(from, a.nr), false)
}

// softmax makes products of queries and keys weights, and gives the log-sum-exp of
// the scores.
func (a attention) softmax(scores []float32) float32 {
	scale := a.capped(scores)
	shift := scale * a.maximum(scores)
	sum := a.exp(scores, scores, scale, shift, 1)
	a.axpby(scores, 0, scores, 1/sum)
	return shift + float32(math.Log(float64(sum)))
}

// capped makes products of queries and keys scores where these have a cap, and gives
// the factor that is then missing.
func (a attention) capped(products []float32) (scale float32) {
	if a.Cap == 0 {
		return a.Scale
	}
	a.softCap(products, a.Scale, a.Cap)
	return 1
}

// extent is the queries of the tile at position t, and the keys that some of them
// see: n from position from on, which is a multiple of the width of a panel.
func (a attention) extent(t int) (rows, from, n int) {
	rows = min(a.rows, a.T-t)
	lo, _ := a.seen(t)
	_, hi := a.seen(t + rows - 1)
	from = lo / a.nr * a.nr
	return rows, from, hi - from
}

// seen is the keys that query t sees: [lo, hi).
func (a attention) seen(t int) (lo, hi int) {
	hi = a.S - a.T + t + 1
	if a.Window > 0 {
		lo = max(0, hi-a.Window)
	}
	return lo, hi
}

// product: c[m,n] = x·yᵀ (or += with add) with x packed into packed on the way.
func (a attention) product(w *worker, packed, c []float32, ldc, m, n, k int, x matrix, y panels, add bool) {
	a.own.tiles(w, c, ldc, m, n, k, a.packOn(packed, x, m, k, a.mr), y, add)
}
