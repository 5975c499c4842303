package backendtest

import (
	"math"
	"slices"

	"moreau/internal/backend"
)

// normal checks a million draws: moments within five standard errors, the
// Kolmogorov-Smirnov distance below its 0.1 % quantile, and no correlation with
// neighbours, other streams and other seeds. The draws are fixed, so a pass stays one.
func normal(s *suite) {
	const n = 1_000_000
	b := s.be.New(n)
	defer s.be.Free(b)
	draw := func(b backend.Buffer, seed, stream uint64) []float64 {
		s.be.Normal(b, seed, stream)
		return s.read(b)
	}
	z := draw(b, 42, 7)
	var m [5]float64
	for _, v := range z {
		for k, p := 1, v; k < len(m); k++ {
			m[k] += p / n
			p *= v
		}
	}
	root := math.Sqrt(n)
	s.within("mean", m[1], 0, 5/root)
	s.within("variance", m[2], 1, 5*math.Sqrt(2)/root)
	s.within("third moment", m[3], 0, 5*math.Sqrt(15)/root)
	s.within("fourth moment", m[4], 3, 5*math.Sqrt(96)/root)
	s.within("Kolmogorov-Smirnov distance", kolmogorov(z), 0, 1.95/root)
	s.within("correlation with the next draw", dot(z[:n-1], z[1:])/n, 0, 5/root)
	s.within("correlation with the draw after 16", dot(z[:n-16], z[16:])/n, 0, 5/root)
	for _, other := range [][2]uint64{{42, 8}, {43, 7}, {42, 7 + 1<<32}, {42 + 1<<32, 7}, {7, 42}} {
		y := draw(b.Slice(0, n/8), other[0], other[1])
		s.within("correlation with another stream", dot(y, z)/(n/8), 0, 5*math.Sqrt(8)/root)
	}
	if top := slices.Max(z); top < 4.2 || top > 6.7 {
		s.Errorf("the largest of a million draws is %v", top)
	}
}

// kolmogorov is the largest distance of the distribution of z from the normal one
// at the edges of 6000 bins.
func kolmogorov(z []float64) float64 {
	const bins, reach = 6000, 6.0
	var count [bins + 1]int
	for _, v := range z {
		at := int((v + reach) / (2 * reach) * bins)
		count[min(max(at, 0), bins)]++
	}
	var below int
	var distance float64
	for i := range bins {
		below += count[i]
		edge := -reach + float64(i+1)*2*reach/bins
		distance = max(distance, math.Abs(float64(below)/float64(len(z))-math.Erfc(-edge/math.Sqrt2)/2))
	}
	return distance
}

func (s *suite) within(what string, got, want, limit float64) {
	s.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > limit {
		s.Errorf("%s is %g, want %g ± %g", what, got, want, limit)
	}
}

// normalPrefix: draw i is the same in a buffer of any length, and wherever the
// buffer starts.
func normalPrefix(s *suite) {
	all := s.junk(40_001)
	s.be.Normal(all, 5, 6)
	want := s.read(all)
	for _, n := range lengths() {
		b := s.junk(n)
		s.be.Normal(b, 5, 6)
		s.near("Normal", s.read(b), want[:n], exact)
	}
	s.release()
}
