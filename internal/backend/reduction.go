package backend

// Sums is float64 memory of one backend: what reductions add to. It stays where the
// backend is until the host asks for it.
type Sums interface {
	// Len is the number of sums.
	Len() int
}

// What a row of CrossEntropy's sums [N,RowSums] holds.
const (
	RowLSE    = iota // log-sum-exp of the logits so far
	RowPicked        // logit of the target
	RowTop           // greatest logit so far
	RowBest          // its entry of the vocabulary, the lowest of equals; -1 where none is greater than -Inf
	RowSums
)

// What a row of Divergence's sums [N,DivergenceSums] holds.
const (
	DivergenceLSE   = iota // log-sum-exp of the logits so far
	DivergenceOfLSE        // of the other's
	DivergenceMean         // mean of the other's logits less these, under the other's probabilities
	DivergenceSums
)

// Reduction has the ops whose results are sums in float64. They add to their sums.
type Reduction interface {
	// NewSums allocates n sums, all zero.
	NewSums(n int) Sums
	// FreeSums gives sums from NewSums back.
	FreeSums(s Sums)
	// ReadSums copies s to the host; len(dst) == s.Len().
	ReadSums(dst []float64, s Sums)

	// UnitSumSquares adds to sums[u] the sum of x² over unit u.
	UnitSumSquares(sums Sums, x Buffer, u Units)
	// UnitDots adds to sums[u] the sum of x·y over unit u.
	UnitDots(sums Sums, x, y Buffer, u Units)
	// UnitSaliences adds to sums[u] what the scalars of unit u count, in float64: of weights w,
	// gradients g and mean squared gradients g2, of which those may be nil that s does not use.
	UnitSaliences(sums Sums, s Salience, w, g, g2 Buffer, u Units)
	// ColumnMoments adds to sums[c] and squares[c] the sum of the values, and of their
	// squares, of column c of x[B,T,C] over the first lengths[b] rows of each sequence b.
	ColumnMoments(sums, squares Sums, x Buffer, lengths []int, T, C int)
}

// Salience says what a scalar counts.
type Salience int

const (
	AbsWeight    Salience = iota // |w|
	SquareWeight                 // w²
	FirstOrder                   // |w·g|
	FirstOfLines                 // |Σ w·g| over each row (Axis 0) or column (Axis 1) of the unit
	SecondOrder                  // w²·g2
	BothOrders                   // |w·g - w²·g2/2|
)

// Units cuts a matrix [Rows, Cols] into units of Width consecutive rows (Axis 0)
// or columns (Axis 1). A vector has Cols 1.
type Units struct{ Rows, Cols, Axis, Width int }

// Len is the length of the axis that the units cut.
func (u Units) Len() int {
	if u.Axis == 1 {
		return u.Cols
	}
	return u.Rows
}

// Reduce is what reduce adds to n new sums, read by the host.
func Reduce(be Reduction, n int, reduce func(Sums)) []float64 {
	s := be.NewSums(n)
	defer be.FreeSums(s)
	reduce(s)
	host := make([]float64, n)
	be.ReadSums(host, s)
	return host
}
