package backendtest

import "moreau/internal/backend"

// reduced is what reduce adds to new sums, from which it checks that a second call adds
// as much again and that sums are zero at first, where memory was used before too.
func (s *suite) reduced(n int, reduce func(backend.Sums)) []float64 {
	s.Helper()
	once := backend.Reduce(s.be, n, reduce)
	twice := backend.Reduce(s.be, n, func(sums backend.Sums) {
		reduce(sums)
		reduce(sums)
	})
	double := make([]float64, n)
	for i, v := range once {
		double[i] = 2 * v
	}
	s.near("sums added to", twice, double, rounding)
	return once
}

// columnMoments: padding never counts, whatever it holds.
func columnMoments(s *suite) {
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {17, 33}, {5, 700}, {2, 4100}} {
		T, C := shape[0], shape[1]
		lengths := []int{T, 0, (T + 1) / 2, T}
		x := s.values(len(lengths) * T * C)
		sums, squares := make([]float64, C), make([]float64, C)
		for i := range x {
			x[i] += 0.5
			if t := i / C % T; t >= lengths[i/C/T] {
				x[i] = canary
				continue
			}
			x[i] = s.held(x[i])
			sums[i%C] += x[i]
			squares[i%C] += x[i] * x[i]
		}
		b, other := s.buffer(x), s.be.NewSums(C)
		s.near("ColumnMoments: sums", s.reduced(C, func(to backend.Sums) { s.be.ColumnMoments(to, other, b, lengths, T, C) }), sums, rounding)
		s.near("ColumnMoments: squares", s.reduced(C, func(to backend.Sums) { s.be.ColumnMoments(other, to, b, lengths, T, C) }), squares, rounding)
		s.be.FreeSums(other)
		s.release()
	}
	s.panics("sums that are not as many as the columns", func() {
		s.be.ColumnMoments(s.be.NewSums(2), s.be.NewSums(3), s.be.New(3), []int{1}, 1, 3)
	})
	s.panics("ReadSums of another length", func() { s.be.ReadSums(make([]float64, 3), s.be.NewSums(2)) })
}

// synced: a backend that ran as it should has nothing to tell.
func synced(s *suite) {
	b := s.buffer(s.values(100))
	s.be.Normal(b, 1, 1)
	if err := s.be.Sync(); err != nil {
		s.Errorf("Sync: %v", err)
	}
	s.release()
}
