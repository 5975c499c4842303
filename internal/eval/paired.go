package eval

import "math"

// McNemar is the exact two-sided p value of McNemar's test: that two models are right equally
// often, where only one of them is right n10 times and only the other n01 times. It is twice
// the smaller tail of the binomial distribution with probability 1/2, 1 at most.
func McNemar(n10, n01 int) float64 {
	n, tail := n10+n01, 0.0
	for k := range min(n10, n01) + 1 {
		tail += math.Exp(logChoose(n, k) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

// logChoose is log(n over k).
func logChoose(n, k int) float64 {
	gamma := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return gamma(n) - gamma(k) - gamma(n-k)
}

// PairedT is the two-sided p value of the paired t-test: that the mean of differences m is 0.
// It is 1 where that mean is 0 or there are fewer than two differences.
func PairedT(m Mean) float64 {
	switch {
	case m.N < 2 || m.Value == 0:
		return 1
	case m.Stderr == 0:
		return 0
	}
	return studentTail(m.Value/m.Stderr, m.N-1)
}

// studentTail is the probability that Student's t with so many degrees of freedom is beyond
// ±t: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4.
func studentTail(t float64, degrees int) float64 {
	theta := math.Atan(math.Abs(t) / math.Sqrt(float64(degrees)))
	sin, cos := math.Sincos(theta)
	first := degrees%2 + 1 // the series' terms: 1 and cos²,... or cos, cos³,...
	term, sum := 1.0, 0.0
	if first == 2 {
		term = cos
	}
	for k := first; k < degrees; k += 2 {
		sum += term
		term *= cos * cos * float64(k) / float64(k+1)
	}
	if degrees%2 == 0 {
		return max(0, 1-sin*sum)
	}
	return max(0, 1-2/math.Pi*(theta+sin*sum))
}

// NormalTail is the probability that a normal variable is further from its mean than z standard deviations.
func NormalTail(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }
