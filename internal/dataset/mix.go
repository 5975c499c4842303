package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Share is what a source gives to a mix of rows. It stands in scores.json and plan.json.
type Share struct {
	Source string  `json:"source"`
	Weight float64 `json:"weight"` // beside those of the others
	Rows   int     `json:"rows"`
	SHA256 string  `json:"sha256,omitempty"` // of the file or text; "": not known, or no text
}

// Mix is sources that give rows in proportion to their weights.
type Mix []Share

// Limits of weights.
const leastWeight, mostWeight = 1e-6, 1e6

// ParseMix reads SOURCE[:WEIGHT],...; without a weight it is 1. A comma always separates, and what
// a number can be read from behind the last colon is a weight.
func ParseMix(s string) (m Mix, err error) {
	for item := range strings.SplitSeq(s, ",") {
		source, weight := splitWeight(item)
		switch {
		case source == "":
			return nil, fmt.Errorf("%q: a source without a name; want FILE[:WEIGHT], several separated by commas", s)
		case !(weight >= leastWeight && weight <= mostWeight):
			return nil, fmt.Errorf("%s: want a weight of %g to %g", item, leastWeight, mostWeight)
		case slices.ContainsFunc(m, func(other Share) bool { return other.Source == source }):
			return nil, fmt.Errorf("%s is given twice; give it once, with the sum of the weights", source)
		}
		m = append(m, Share{Source: source, Weight: weight})
	}
	return m, nil
}

func splitWeight(item string) (source string, weight float64) {
	if at := strings.LastIndexByte(item, ':'); at >= 0 {
		w, err := strconv.ParseFloat(item[at+1:], 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			return item[:at], w
		}
	}
	return item, 1
}

// String is m as ParseMix reads it.
func (m Mix) String() string {
	items := make([]string, len(m))
	for i, s := range m {
		items[i] = s.Source
		if source, _ := splitWeight(s.Source); s.Weight != 1 || source != s.Source {
			items[i] += ":" + strconv.FormatFloat(s.Weight, 'g', -1, 64)
		}
	}
	return strings.Join(items, ",")
}

// Deal says how many of so many rows each source gives: its exact share rounded down, and what is
// left to the greatest remainders, of equal ones to the first. An error where a source gets none.
func (m Mix) Deal(rows int) error {
	var sum float64
	for _, s := range m {
		sum += s.Weight
	}
	left, remainders, order := rows, make([]float64, len(m)), make([]int, len(m))
	for i, s := range m {
		whole, part := math.Modf(s.Weight / sum * float64(rows))
		m[i].Rows, remainders[i], order[i] = int(whole), part, i
		left -= int(whole)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for _, i := range order[:left] {
		m[i].Rows++
	}
	for _, s := range m {
		if s.Rows == 0 {
			return fmt.Errorf("%s: its share of %d rows is none; ask for more rows, or give it more weight", s.Source, rows)
		}
	}
	return nil
}

// Order says of each row of the mix, as it was dealt, which source it is of. In a run of rows, and in
// every eighth, which refits hold out, there are about as many of each source as is its share: the
// rows are ranked by a Weyl sequence, the multiples of an irrational number modulo 1. Those of
// (sqrt(13)-3)/2 and of eight times that are spread evenly.
func (m Mix) Order() []int {
	const irrational = 0x4d82b446159f360f // times 2^64
	var of []int
	for i, s := range m {
		of = append(of, slices.Repeat([]int{i}, s.Rows)...)
	}
	ranked := make([]uint64, len(of))
	for i := range ranked {
		ranked[i] = uint64(i) * irrational
	}
	sorted := slices.Sorted(slices.Values(ranked))
	order := make([]int, len(of))
	for i, key := range ranked {
		at, _ := slices.BinarySearch(sorted, key)
		order[i] = of[at]
	}
	return order
}
