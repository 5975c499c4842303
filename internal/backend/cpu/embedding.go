package cpu

import "moreau/internal/backend"

// EmbeddingForward: out[N,C] = table[ids[n], :].
func (b *Backend) EmbeddingForward(out, table backend.Buffer, ids []int32, C int) {
	o := output(out, len(ids)*C, "Embedding out")
	if s, ok := table.(*stored); ok {
		b.each(len(ids), func(_ *worker, n int) { s.Decode(o[n*C:(n+1)*C], int(ids[n])*C) })
		return
	}
	t := all(table)
	b.spans(len(ids), max(1, chunk/max(1, C)), func(_ *worker, lo, hi int) {
		for n := lo; n < hi; n++ {
			id := int(ids[n])
			copy(o[n*C:(n+1)*C], t[id*C:(id+1)*C])
		}
	})
}

// EmbeddingBackward: dtable[ids[n], :] += dout[n, :], column block by column block
// since an id may occur more than once.
func (b *Backend) EmbeddingBackward(dtable, dout backend.Buffer, ids []int32, C int) {
	dt, d := all(dtable), first(dout, len(ids)*C, "Embedding dout")
	b.spans(C, 64, func(_ *worker, lo, hi int) {
		for n, id := range ids {
			row := int(id) * C
			b.axpby(dt[row+lo:row+hi], 1, d[n*C+lo:n*C+hi], 1)
		}
	})
}
