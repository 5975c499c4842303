package eval

import "math"

// Verdict is whether a model is right about one question.
type Verdict struct {
	Acc     bool // by the largest log-likelihood
	AccNorm bool // by the largest log-likelihood a character
}

// Judge compares the choices' log-likelihoods, and those divided by the choices' lengths in
// characters; the first of equals counts.
func Judge(logs []float64, chars []int, gold int) Verdict {
	perChar := make([]float64, len(logs))
	for i, l := range logs {
		perChar[i] = l / float64(chars[i])
	}
	return Verdict{largest(logs) == gold, largest(perChar) == gold}
}

func largest(v []float64) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// Mean is the mean of some values and its standard error, the harness's:
// sqrt(Σ(x-mean)²/(n-1))/sqrt(n); 0 of fewer than two values.
type Mean struct {
	N      int     `json:"n"`
	Value  float64 `json:"value"`
	Stderr float64 `json:"stderr"`
}

// MeanOf is the mean of x.
func MeanOf(x []float64) Mean {
	m := Mean{N: len(x)}
	if m.N == 0 {
		return m
	}
	m.Value = total(x) / float64(m.N)
	if m.N < 2 {
		return m
	}
	var squares float64
	for _, v := range x {
		squares += (v - m.Value) * (v - m.Value)
	}
	m.Stderr = math.Sqrt(squares/float64(m.N-1)) / math.Sqrt(float64(m.N))
	return m
}

// ratioError is the standard error of Σsums/Σsizes over chunks of different sizes, by the
// linearised ratio estimator: sqrt(n/(n-1) Σ(sum - ratio·size)²)/Σsizes; 0 of fewer than two.
// Of equal sizes it is MeanOf's.
func ratioError(sums, sizes []float64) float64 {
	if len(sums) < 2 {
		return 0
	}
	n, all := float64(len(sums)), total(sizes)
	ratio, squares := total(sums)/all, 0.0
	for i, s := range sums {
		off := s - ratio*sizes[i]
		squares += off * off
	}
	return math.Sqrt(n/(n-1)*squares) / all
}

// MeanOfMeans is the mean of means of different questions; their errors are independent.
func MeanOfMeans(means []Mean) Mean {
	var all Mean
	var squares float64
	for _, m := range means {
		all.N += m.N
		all.Value += m.Value / float64(len(means))
		squares += m.Stderr * m.Stderr
	}
	all.Stderr = math.Sqrt(squares) / float64(max(1, len(means)))
	return all
}
