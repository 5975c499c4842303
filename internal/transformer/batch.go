package transformer

import "fmt"

// Batch is B rows of T token ids. Rows shorter than T are padded on the right,
// which a causal model does not see; padded positions have no target.
type Batch struct {
	B, T    int
	ids     []int32 // [B*T]
	targets []int32 // [B*T], -1: none
	lengths []int   // [B]
	whole   int     // targets of what the batch is a part of; 0: it is all
}

// NewBatch makes a batch of rows; the longest sets T.
func NewBatch(rows [][]int32) (Batch, error) {
	b := Batch{B: len(rows)}
	for _, r := range rows {
		b.T = max(b.T, len(r))
	}
	if b.T == 0 {
		return b, fmt.Errorf("no tokens: the batch is empty")
	}
	b.ids, b.targets = make([]int32, b.B*b.T), make([]int32, b.B*b.T)
	for i := range b.targets {
		b.targets[i] = -1
	}
	for i, r := range rows {
		b.lengths = append(b.lengths, len(r))
		copy(b.ids[i*b.T:], r)
		if len(r) > 1 {
			copy(b.targets[i*b.T:], r[1:])
		}
	}
	return b, nil
}

// Targets is the number of positions that have a next token.
func (b Batch) Targets() int {
	n := 0
	for _, t := range b.targets {
		if t >= 0 {
			n++
		}
	}
	return n
}

// PartOf is b as a part of rows with so many targets in all, which its loss, and so every
// gradient, is then divided by: the losses and gradients of all parts add up to those of
// the whole.
func (b Batch) PartOf(targets int) Batch {
	b.whole = targets
	return b
}

// divisor is what the sum of the losses is divided by.
func (b Batch) divisor() int {
	if b.whole > 0 {
		return b.whole
	}
	return max(1, b.Targets())
}

// Loss is the mean of the losses of all positions, or the share of a part.
func (b Batch) Loss(nll []float64) float64 {
	var sum float64
	for _, v := range nll {
		sum += v
	}
	return sum / float64(b.divisor())
}

// Lengths are the tokens of each sequence.
func (b Batch) Lengths() []int { return b.lengths }

// Parts cuts b into parts of whole sequences, in order, none longer than its longest; each
// has at most so many tokens, padding counted, or is one sequence.
func (b Batch) Parts(tokens int) (parts []Batch) {
	for lo := 0; lo < b.B; {
		hi, T := lo+1, max(1, b.lengths[lo])
		for hi < b.B && (hi+1-lo)*max(T, b.lengths[hi]) <= tokens {
			T = max(T, b.lengths[hi])
			hi++
		}
		parts = append(parts, b.part(lo, hi, T))
		lo = hi
	}
	return parts
}

// part is sequences [lo, hi), padded to T tokens.
func (b Batch) part(lo, hi, T int) Batch {
	p := Batch{B: hi - lo, T: T, lengths: b.lengths[lo:hi], whole: b.divisor()}
	for i := lo; i < hi; i++ {
		p.ids = append(p.ids, b.ids[i*b.T:i*b.T+T]...)
		p.targets = append(p.targets, b.targets[i*b.T:i*b.T+T]...)
	}
	return p
}

// Rows is B*T.
func (b Batch) Rows() int { return b.B * b.T }

// Sequence is row i of the batch as a batch of its own.
func (b Batch) Sequence(i int) Batch {
	return Batch{B: 1, T: b.T, ids: b.ids[i*b.T : (i+1)*b.T], targets: b.targets[i*b.T : (i+1)*b.T], lengths: b.lengths[i : i+1]}
}
