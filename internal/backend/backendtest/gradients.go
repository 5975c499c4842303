package backendtest

import (
	"fmt"
	"slices"

	"moreau/internal/backend"
)

// step of the central differences: their error is about step², and that of the
// rounding of a loss of about 100 in float64 1e-14/step.
const step = 1e-5

// sampled is how many values of an input are differentiated; of a longer input
// that many are drawn, its ends among them.
const sampled = 64

// op is a differentiable op in both forms. Inputs and gradients come in the same order.
type op struct {
	reference func(in [][]float64) []float64
	backward  func(d []backend.Buffer, dout backend.Buffer, in []backend.Buffer)
}

// gradients compares backward with finite differences of the reference.
func (s *suite) gradients(name string, o op, in ...[]float64) {
	s.Helper()
	dout := s.values(len(o.reference(in)))
	at, want := make([][]int, len(in)), make([][]float64, len(in))
	for k := range in {
		at[k] = s.sample(len(in[k]))
		want[k] = differentiate(o.reference, in, k, at[k], dout)
	}
	s.compare(name, o, in, dout, at, want)
}

// compare checks that backward adds to values at of each gradient what want says,
// leaves its inputs alone, and accepts nil for each gradient.
func (s *suite) compare(name string, o op, in [][]float64, dout []float64, at [][]int, want [][]float64) {
	s.Helper()
	for skip := -1; skip < len(in); skip++ {
		s.backward(fmt.Sprintf("%s without gradient %d", name, skip), o, in, dout, skip, at, want)
	}
}

func (s *suite) backward(name string, o op, in [][]float64, dout []float64, skip int, at [][]int, want [][]float64) {
	s.Helper()
	defer s.release()
	inputs, grads, before := make([]backend.Buffer, len(in)), make([]backend.Buffer, len(in)), make([][]float64, len(in))
	for k := range in {
		inputs[k], before[k] = s.buffer(in[k]), s.values(len(in[k]))
		if k != skip {
			grads[k] = s.buffer(before[k])
		}
	}
	d := s.buffer(dout)
	o.backward(grads, d, inputs)
	s.near(name+": dout", s.read(d), dout, exact)
	for k := range in {
		s.near(fmt.Sprintf("%s: input %d", name, k), s.read(inputs[k]), in[k], exact)
		if k == skip {
			continue
		}
		got, expected := pick(s.read(grads[k]), at[k]), pick(before[k], at[k])
		for i := range expected {
			expected[i] += want[k][i]
		}
		s.near(fmt.Sprintf("%s: gradient %d", name, k), got, expected, s.differences())
	}
}

// differentiate gives the derivatives of Σ dout·reference(in) by values at of in[k].
func differentiate(reference func([][]float64) []float64, in [][]float64, k int, at []int, dout []float64) []float64 {
	in = slices.Clone(in)
	in[k] = slices.Clone(in[k])
	d := make([]float64, len(at))
	for i, j := range at {
		x := in[k][j]
		in[k][j] = x + step
		up := dot(dout, reference(in))
		in[k][j] = x - step
		d[i] = (up - dot(dout, reference(in))) / (2 * step)
		in[k][j] = x
	}
	return d
}

// sample is the indices of n values to differentiate.
func (s *suite) sample(n int) []int {
	at := s.random.Perm(n)
	if n > sampled {
		at = append(at[:sampled-2], 0, n-1)
	}
	return at
}

func pick(x []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, j := range at {
		out[i] = x[j]
	}
	return out
}

func dot(x, y []float64) float64 {
	var sum float64
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}
