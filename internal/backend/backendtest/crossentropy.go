package backendtest

import (
	"math"
	"slices"

	"moreau/internal/backend"
)

func referenceCrossEntropy(logits []float64, targets []int32, N, V int) []float64 {
	nll := make([]float64, N)
	for n := range N {
		row := logits[n*V : (n+1)*V]
		top, sum := math.Inf(-1), 0.0
		for _, v := range row {
			top = max(top, v)
		}
		for _, v := range row {
			sum += math.Exp(v - top)
		}
		if targets[n] >= 0 {
			nll[n] = top + math.Log(sum) - row[targets[n]]
		}
	}
	return nll
}

// losses is the forward op over one block of the vocabulary after the other, the
// logits of each being a buffer of its own. It checks the greatest logits; the caller
// frees the rows.
func (s *suite) losses(blocks []backend.Buffer, targets []int32) (nll []float64, rows backend.Sums) {
	s.Helper()
	N := len(targets)
	rows, nll = s.be.NewSums(N*backend.RowSums), make([]float64, N)
	from, whole := 0, make([][]float64, len(blocks))
	for i, b := range blocks {
		s.be.CrossEntropyForward(rows, b, targets, N, from, b.Len()/N)
		from, whole[i] = from+b.Len()/N, s.read(b)
	}
	known, logits := make([]float64, rows.Len()), joined(whole, N)
	s.be.ReadSums(known, rows)
	for n, t := range targets {
		r := known[n*backend.RowSums:][:backend.RowSums]
		if t < 0 {
			s.near("row without a target", r, make([]float64, backend.RowSums), exact)
			continue
		}
		nll[n] = r[backend.RowLSE] - r[backend.RowPicked]
		if row := logits[n*from:][:from]; !slices.ContainsFunc(row, math.IsNaN) {
			top := slices.Max(row)
			s.near("greatest logit and its entry", r[backend.RowTop:backend.RowBest+1], []float64{top, float64(slices.Index(row, top))}, exact)
		}
	}
	return nll, rows
}

// columns cuts x[N,V] at column at into two matrices, or one if there is no such column.
func columns(x []float64, N, V, at int) [][]float64 {
	if at <= 0 || at >= V {
		return [][]float64{x}
	}
	parts := make([][]float64, 2)
	for n := range N {
		parts[0] = append(parts[0], x[n*V:n*V+at]...)
		parts[1] = append(parts[1], x[n*V+at:(n+1)*V]...)
	}
	return parts
}

// joined undoes columns.
func joined(parts [][]float64, N int) (x []float64) {
	for n := range N {
		for _, p := range parts {
			w := len(p) / N
			x = append(x, p[n*w:(n+1)*w]...)
		}
	}
	return x
}

func crossEntropy(s *suite) {
	const scale = 0.25
	for _, shape := range [][2]int{{1, 1}, {3, 17}, {5, 33}, {17, 65}, {2, 5000}} {
		N, V := shape[0], shape[1]
		logits, targets := s.values(N*V), make([]int32, N)
		for n := range targets {
			targets[n] = int32(s.random.IntN(V+1) - 1)
		}
		parts := columns(logits, N, V, V/3)
		var blocks []backend.Buffer
		for _, p := range parts {
			blocks = append(blocks, s.buffer(p))
		}
		nll, rows := s.losses(blocks, targets)
		s.near("CrossEntropyForward", nll, referenceCrossEntropy(logits, targets, N, V), rounding)
		from := 0
		for i, b := range blocks {
			s.near("logits after CrossEntropyForward", s.read(b), parts[i], exact)
			s.be.CrossEntropyBackward(b, rows, targets, N, from, b.Len()/N, scale)
			parts[i] = s.read(b)
			from += b.Len() / N
		}
		ones := make([]float64, N)
		for n := range ones {
			ones[n] = scale
		}
		forward := func(in [][]float64) []float64 { return referenceCrossEntropy(in[0], targets, N, V) }
		at := s.sample(len(logits))
		want := differentiate(forward, [][]float64{logits}, 0, at, ones)
		s.near("CrossEntropyBackward", pick(joined(parts, N), at), want, s.differences())
		s.be.FreeSums(rows)
		s.release()
	}
}

// crossEntropyLarge: logits beyond the range of exp, a loss from a large
// vocabulary to 1e-7 of itself, and gradients that sum to 0.
func crossEntropyLarge(s *suite) {
	defer s.release()
	const N, V = 2, 49152
	logits, targets := s.values(N*V), []int32{5, 70}
	for i := range logits {
		logits[i] = float64(float32(logits[i]*3 + 300))
	}
	logits[V+9], logits[V+40_000] = 400, 400 // equals: the lower entry counts, in another block too
	var blocks []backend.Buffer
	for _, p := range columns(logits, N, V, 20_000) {
		blocks = append(blocks, s.buffer(p))
	}
	nll, rows := s.losses(blocks, targets)
	defer s.be.FreeSums(rows)
	s.near("CrossEntropyForward", nll, referenceCrossEntropy(logits, targets, N, V), 1e-7)
	var sum float64
	from := 0
	for _, b := range blocks {
		s.be.CrossEntropyBackward(b, rows, targets, N, from, b.Len()/N, 1)
		from += b.Len() / N
		for _, v := range s.read(b) {
			sum += v
		}
	}
	s.near("sum of gradients", []float64{sum}, []float64{0}, rounding)
}
