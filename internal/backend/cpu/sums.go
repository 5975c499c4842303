package cpu

import "moreau/internal/backend"

// float64s is a backend.Sums.
type float64s struct{ data []float64 }

func (s *float64s) Len() int { return len(s.data) }

// NewSums allocates n sums, all zero.
func (b *Backend) NewSums(n int) backend.Sums { return &float64s{make([]float64, n)} }

// FreeSums leaves s to the garbage collector: sums are few.
func (b *Backend) FreeSums(s backend.Sums) { s.(*float64s).data = nil }

// ReadSums copies s to the host.
func (b *Backend) ReadSums(dst []float64, s backend.Sums) {
	if len(dst) != s.Len() {
		panic("cpu: ReadSums: lengths differ")
	}
	copy(dst, s.(*float64s).data)
}

// sums64 are the values of s, which must be n.
func sums64(s backend.Sums, n int, what string) []float64 {
	data := s.(*float64s).data
	if len(data) != n {
		panic("cpu: " + what + ": the sums are not as many as its shape asks for")
	}
	return data
}

// ColumnMoments adds the sums of columns and of their squares, of the rows that count.
// No column is in two tasks, and its rows come in order.
func (b *Backend) ColumnMoments(sums, squares backend.Sums, x backend.Buffer, lengths []int, T, C int) {
	xs := first(x, len(lengths)*T*C, "ColumnMoments x")
	s, q := sums64(sums, C, "ColumnMoments sums"), sums64(squares, C, "ColumnMoments squares")
	b.spans(C, columnBlock, func(_ *worker, lo, hi int) {
		s, q := s[lo:hi], q[lo:hi]
		for i, length := range lengths {
			for t := range length {
				at := (i*T + t) * C
				moments(s, q, xs[at+lo:at+hi])
			}
		}
	})
}

func moments(s, q []float64, row []float32) {
	s, q = s[:len(row)], q[:len(row)]
	for c, v := range row {
		d := float64(v)
		s[c] += d
		q[c] += d * d
	}
}
