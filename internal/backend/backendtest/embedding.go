package backendtest

func embedding(s *suite) {
	ids := []int32{3, 0, 3, 6, 3}
	for _, C := range []int{1, 3, 17, 64, 65, 200} {
		table, dout, dtable := s.values(7*C), s.values(len(ids)*C), s.values(7*C)
		var want []float64
		grad := s.buffer(dtable)
		for n, id := range ids {
			row := int(id) * C
			want = append(want, table[row:row+C]...)
			add(dtable[row:row+C], dout[n*C:(n+1)*C])
		}
		out := s.junk(len(ids) * C)
		s.be.EmbeddingForward(out, s.buffer(table), ids, C)
		s.near("EmbeddingForward", s.read(out), want, exact)
		s.be.EmbeddingBackward(grad, s.buffer(dout), ids, C)
		s.near("EmbeddingBackward", s.read(grad), dtable, rounding)
		s.release()
	}
}
