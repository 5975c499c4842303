package eval

import (
	"slices"
	"testing"
)

// Rows go together while all, padded to the longest, have no more positions than a pass takes.
func TestPasses(t *testing.T) {
	rows := func(lengths ...int) (rows [][]int32) {
		for _, n := range lengths {
			rows = append(rows, make([]int32, n))
		}
		return rows
	}
	for _, tt := range []struct {
		lengths []int
		want    []Pass
	}{
		{nil, nil},
		{[]int{7}, []Pass{{1, 7}}},
		{[]int{3000, 5}, []Pass{{1, 3000}, {1, 5}}},
		{[]int{1024, 1024, 2}, []Pass{{2, 1024}, {1, 2}}},
		{[]int{1000, 5, 5, 5}, []Pass{{2, 1000}, {2, 5}}},
		{[]int{5, 1000, 1000}, []Pass{{2, 1000}, {1, 1000}}},
	} {
		if got := Passes(rows(tt.lengths...)); !slices.Equal(got, tt.want) {
			t.Errorf("rows of %v: passes %v, want %v", tt.lengths, got, tt.want)
		}
	}
}
