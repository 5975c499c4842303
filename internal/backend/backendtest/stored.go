package backendtest

import (
	"fmt"
	"math"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/tensor"
)

// storedTypes are all types that files of weights have.
var storedTypes = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.F64, tensor.Q4_0, tensor.Q4_1, tensor.Q5_0, tensor.Q5_1,
	tensor.Q8_0, tensor.Q4_K, tensor.Q5_K, tensor.Q6_K}

// storedRows are rows of x on both sides of what a backend calls few, and storedSizes O
// outputs from I/block inputs.
var (
	storedRows  = []int{1, 2, 4, 5, 8, 9, 33}
	storedSizes = [][2]int{{1, 1}, {7, 3}, {33, 5}, {130, 2}, {3, 9}}
)

// storedMatrix is one of O rows of I random bytes, decoded too: of about unit size.
func (s *suite) storedMatrix(d tensor.DType, O, I int) (tensor.Tensor, []float64) {
	size, err := d.Bytes([]int{O, I})
	if err != nil {
		s.Fatal(err)
	}
	t := tensor.New(d, []int{O, I}, s.be.StoredBytes(size))
	for i := range t.Data {
		t.Data[i] = byte(s.random.IntN(256))
	}
	s.sizeOfOne(t)
	values := make([]float64, O*I)
	for i, v := range t.Float32() {
		values[i] = float64(v)
	}
	return t, values
}

// scales are where a block of a type has its halves, and sizes for them by which its
// values, of random quants, are of about unit size.
var scales = map[tensor.DType][]struct {
	at   int
	size float64
}{
	tensor.Q4_0: {{0, 0.2}}, tensor.Q4_1: {{0, 0.2}, {2, 1}}, tensor.Q5_0: {{0, 0.1}}, tensor.Q5_1: {{0, 0.1}, {2, 1}}, tensor.Q8_0: {{0, 0.01}},
	tensor.Q4_K: {{0, 0.005}, {2, 0.03}}, tensor.Q5_K: {{0, 0.002}, {2, 0.03}}, tensor.Q6_K: {{208, 0.001}},
}

// sizeOfOne makes the values of t about as large as one.
func (s *suite) sizeOfOne(t tensor.Tensor) {
	if !t.DType.Quantized() {
		values := make([]float32, t.Len())
		for i := range values {
			values[i] = float32(s.random.NormFloat64())
		}
		if t.DType != tensor.F64 {
			copy(t.Data, tensor.Encode(t.DType, values))
			return
		}
		for i, v := range values {
			putF64(t.Data[8*i:], float64(v))
		}
		return
	}
	for b := t.Data; len(b) > 0; b = b[t.DType.BlockBytes():] {
		for _, x := range scales[t.DType] {
			copy(b[x.at:], tensor.Encode(tensor.F16, []float32{float32(x.size * s.random.NormFloat64())}))
		}
	}
}

func putF64(to []byte, v float64) {
	for i := range 8 {
		to[i] = byte(math.Float64bits(v) >> (8 * i))
	}
}

// storedOps: products and rows of matrices as they are stored are those of their values.
func storedOps(s *suite) {
	for _, d := range storedTypes {
		for _, size := range storedSizes {
			O, I := size[0], size[1]*d.BlockSize()
			if d.BlockSize() == 1 {
				I = 31*size[1] + size[0]%4 // of no round length
			}
			s.storedLinear(d, O, I)
		}
	}
}

func (s *suite) storedLinear(d tensor.DType, O, I int) {
	t, w := s.storedMatrix(d, O, I)
	b := s.be.NewStored(tensor.New(d, t.Shape, slices.Clone(t.Data)))
	defer s.be.Free(b)
	if b.Len() != O*I {
		s.Fatalf("NewStored of %s[%d %d] has %d values", d, O, I, b.Len())
	}
	for _, N := range storedRows {
		x := s.values(N * I)
		out, part := s.junk(N*O), s.junk(N*(O-O/3))
		s.be.LinearForward(out, s.buffer(x), b, N, I, O)
		s.nearStored(fmt.Sprintf("LinearForward of %d rows, %s[%d %d]", N, d, O, I), s.read(out), x, w, N, I)
		s.be.LinearForward(part, s.buffer(x), b.Slice(O/3*I, O*I), N, I, O-O/3)
		s.nearStored("LinearForward of a Slice of rows, "+d.String(), s.read(part), x, w[O/3*I:], N, I)
		s.release()
	}
	s.storedEmbedding(b, t, O, I)
}

// nearStored holds got to x[N,I] times the weights, rounded if the backend rounds inputs, or, of
// few rows, as they are.
func (s *suite) nearStored(what string, got, x, w []float64, N, I int) {
	want := referenceLinear(x, each(s.held, w), N, I, len(w)/I)
	alike := func(got, want float64) bool { return near(got, want, s.storedSum(I)) }
	if N <= fewRows && !slices.EqualFunc(got, want, alike) {
		want = referenceLinear(x, w, N, I, len(w)/I)
	}
	s.near(what, got, want, s.storedSum(I))
}

// fewRows is the most that a backend may call few.
const fewRows = 16

// storedSum is the tolerance of a product with weights whose values are a few
// times as large as the draws that summed is for.
func (s *suite) storedSum(I int) float64 { return 4 * s.summed(I) }

func (s *suite) storedEmbedding(b backend.Buffer, t tensor.Tensor, O, I int) {
	ids := []int32{int32(O - 1), 0, int32(O / 2), int32(O - 1)}
	out := s.junk(len(ids) * I)
	s.be.EmbeddingForward(out, b, ids, I)
	var want []float64
	values := t.Float32()
	for _, id := range ids {
		for _, v := range values[int(id)*I : (int(id)+1)*I] {
			want = append(want, float64(v))
		}
	}
	s.near("EmbeddingForward of "+t.DType.String(), s.read(out), want, exact)
	s.release()
}

// storedNotFinite: a NaN or infinity in one row of weights, or in the scale of a block, is
// seen in its output and no other; one in x in all.
func storedNotFinite(s *suite) {
	for _, d := range storedTypes {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for _, N := range []int{1, 17} {
				s.storedBad(d, bad, N)
			}
		}
	}
}

func (s *suite) storedBad(d tensor.DType, bad float64, N int) {
	const O, row = 40, 21
	I := max(33, 2*d.BlockSize()) / d.BlockSize() * d.BlockSize()
	t, _ := s.storedMatrix(d, O, I)
	at := t.Data[row*len(t.Data)/O:]
	switch list := scales[d]; {
	case d == tensor.F64:
		putF64(at, bad)
	case list == nil:
		copy(at, tensor.Encode(d, []float32{float32(bad)}))
	default:
		for _, x := range list {
			copy(at[x.at:], tensor.Encode(tensor.F16, []float32{float32(bad)}))
		}
	}
	b := s.be.NewStored(t)
	defer s.be.Free(b)
	out, all := s.junk(N*O), s.junk(N*O)
	s.be.LinearForward(out, s.buffer(s.values(N*I)), b, N, I, O)
	x := s.values(N * I)
	x[len(x)-1] = bad
	s.be.LinearForward(all, s.buffer(x), b, N, I, O)
	for o, v := range s.read(all)[(N-1)*O:] {
		if finite(v) && !s.zeroAt(t, o, I-1) {
			s.Fatalf("LinearForward with %s of %v in x: output %d is %v", d, bad, o, v)
		}
	}
	s.bad("LinearForward of "+d.String(), out, func(i int) bool { return i%O == row })
}

// zeroAt says whether the weight there is 0, whose product an implementation may leave out.
func (s *suite) zeroAt(t tensor.Tensor, o, i int) bool {
	var v [1]float32
	t.Decode(v[:], o*t.Shape[1]+i)
	return v[0] == 0
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// storedMisuse: what a stored matrix does not do.
func storedMisuse(s *suite) {
	t, _ := s.storedMatrix(tensor.Q8_0, 3, 64)
	b := s.be.NewStored(t)
	x := s.be.New(3 * 64)
	s.panics("NewStored of a vector", func() { s.be.NewStored(tensor.New(tensor.F32, []int{1}, make([]byte, 4))) })
	s.panics("NewStored of integers", func() { s.be.NewStored(tensor.New(tensor.I8, []int{1, 1}, make([]byte, 1))) })
	s.panics("Slice of a part of a row", func() { b.Slice(0, 32) })
	s.panics("Free of a Slice of a stored matrix", func() { s.be.Free(b.Slice(0, 64)) })
	s.panics("a stored matrix of another width", func() { s.be.LinearForward(x, x, b, 1, 32, 3) })
	s.panics("a stored matrix of fewer rows", func() { s.be.LinearForward(x, x, b, 1, 64, 4) })
	s.panics("a stored matrix as x", func() { s.be.LinearForward(x, b, x, 1, 64, 1) })
	s.be.Free(b)
	s.panics("second Free of a stored matrix", func() { s.be.Free(b) })
	s.be.Free(x)
}
