package backendtest

import "moreau/internal/tensor"

// lengths are the lengths of element-wise ops: all up to 256, then some that
// cross the chunks of a backend.
func lengths() []int {
	list := make([]int, 257, 260)
	for i := range list {
		list[i] = i
	}
	return append(list, 2047, 4099, 40_001)
}

func memory(s *suite) {
	for _, n := range lengths() {
		want := s.values(n)
		src, dst := s.buffer(want), s.junk(n)
		s.be.Copy(dst, src)
		s.near("Copy", s.read(dst), want, exact)
		s.be.Zero(dst)
		s.near("Zero", s.read(dst), make([]float64, n), exact)
		s.near("source of Copy", s.read(src), want, exact)
		s.release()
	}
	b := s.be.New(100)
	defer s.be.Free(b)
	s.near("New", s.read(b), make([]float64, 100), exact)
	s.be.Copy(b.Slice(20, 60).Slice(10, 12), b.Slice(0, 2))
	s.be.Normal(b.Slice(20, 60).Slice(10, 12), 1, 1)
	if x := s.read(b); x[29] != 0 || x[30] == 0 || x[31] == 0 || x[32] != 0 {
		s.Errorf("a Slice of a Slice is not a view of values 30 and 31: %v", x[28:34])
	}
}

// uploadStored: the values of every type that files of weights have, as the host decodes them.
func uploadStored(s *suite) {
	for _, d := range storedTypes {
		for _, blocks := range []int{1, 3, 700} {
			n := blocks * d.BlockSize()
			data := make([]byte, blocks*d.BlockBytes())
			for i := range data {
				data[i] = byte(s.random.IntN(64)) // which makes no infinity of any type
			}
			t := tensor.New(d, []int{n}, data)
			want := make([]float64, n)
			for i, v := range t.Float32() {
				want[i] = float64(v)
			}
			b := s.junk(n)
			s.be.UploadStored(b, t)
			clear(data) // they are the caller's again
			s.near("UploadStored of "+d.String(), s.read(b), want, exact)
			s.release()
		}
	}
	s.panics("UploadStored of another length", func() {
		s.be.UploadStored(s.be.New(3), tensor.New(tensor.F32, []int{2}, make([]byte, 8)))
	})
}

// recycling: memory that comes back from Free is zero again.
func recycling(s *suite) {
	for n := 1; n < 5000; n = n*3 + 1 {
		for range 3 {
			b := s.be.New(n)
			s.near("New", s.read(b), make([]float64, n), exact)
			s.be.Normal(b, 7, 7)
			s.be.Free(b)
		}
		b := s.buffer(s.values(n)) // in use, so that Trim leaves it
		before := s.read(b)
		s.be.Trim()
		s.near("after Trim", s.read(b), before, exact)
		s.release()
	}
}

func misuse(s *suite) {
	b := s.be.New(8)
	s.panics("Free of a Slice", func() { s.be.Free(b.Slice(0, 4)) })
	s.panics("Slice past the end", func() { b.Slice(0, 9) })
	s.panics("Copy of another length", func() { s.be.Copy(b, b.Slice(0, 4)) })
	s.panics("Download of another length", func() { s.be.Download(make([]float32, 3), b) })
	s.panics("short operand", func() { s.be.LinearForward(b, b, b, 3, 3, 3) })
	s.be.Free(b)
	s.panics("second Free", func() { s.be.Free(b) })
}
