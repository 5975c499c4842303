package importance

import (
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// flapCompat is what the program of FLAP computes (lib/layerwrapper.py and lib/prune.py of CASIA-LMC-Lab/FLAP: WIFV,
// AL-AM, rows one by one): the fluctuation of a column times its sum of w², of attention squared once more, standardised over
// the columns of the layer and kind; a unit counts the mean of its columns. Such scores are made for one threshold over all
// layers and kinds.
var flapCompat = statistic{weights: backend.SquareWeight, rows: true, units: standardised, of: func(c column) float64 {
	return c.weights * c.fluctuation
}}

// standardised are the means over units of what columns count, less their mean and divided by their standard deviation
// (of a sample); 0 where all count the same. Attention's count squared.
func standardised(d model.Dim, columns []float64, width int) []float64 {
	n := float64(len(columns))
	var mean, squares float64
	for j := range columns {
		if d.Kind != model.MLP {
			columns[j] *= columns[j]
		}
		mean += columns[j] / n
	}
	for _, v := range columns {
		squares += (v - mean) * (v - mean)
	}
	units := make([]float64, d.Units)
	if std := math.Sqrt(squares / (n - 1)); std > 0 {
		for j, v := range columns {
			units[j/width] += (v - mean) / std / float64(width)
		}
	}
	return units
}

// fluctuation is what FLAP's program has for the variance of a site's columns, row by row. Its running mean weighs rows
// alike, whatever their lengths. It means to follow Welford, but the mean before a row is changed in place to the one behind
// it, so that squared distances are all from that one; and the first row adds nothing. With S_k those of row k from the mean of
// the rows 1 to k, N rows give
//
//	sum over k = 2..N of (k-1)/k · S_k / (N-1).
type fluctuation struct {
	rows      float64
	mean, sum []float64 // by column
}

func newFluctuation(width int) *fluctuation {
	return &fluctuation{mean: make([]float64, width), sum: make([]float64, width)}
}

// add takes a row's sums of values and of their squares.
func (f *fluctuation) add(sum, squares []float64, tokens float64) {
	before := f.rows
	f.rows++
	for j := range sum {
		f.mean[j] += (sum[j]/tokens - f.mean[j]) / f.rows
		if m := f.mean[j]; before > 0 {
			f.sum[j] = f.sum[j]*(before-1)/before + (squares[j]-2*m*sum[j]+tokens*m*m)/f.rows
		}
	}
}

// eachRow adds the rows of s, one after the other.
func (t *momentTap) eachRow(s transformer.Seen, f *fluctuation) {
	host := [2][]float64{make([]float64, s.Width), make([]float64, s.Width)}
	for b := range s.Lengths {
		x, _, tokens := s.Sequence(b)
		sum, squares := t.be.NewSums(s.Width), t.be.NewSums(s.Width)
		t.be.ColumnMoments(sum, squares, x, []int{tokens}, tokens, s.Width)
		t.be.ReadSums(host[0], sum)
		t.be.ReadSums(host[1], squares)
		t.be.FreeSums(sum)
		t.be.FreeSums(squares)
		f.add(host[0], host[1], float64(tokens))
	}
}
