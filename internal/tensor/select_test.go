package tensor

import (
	"slices"
	"testing"
)

func iota32(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)
	}
	return v
}

func TestSelect(t *testing.T) {
	x := FromFloat32(F32, []int{2, 4, 3}, iota32(24))
	for _, c := range []struct {
		axis, width int
		keep        []int
		shape       []int
		want        []float32
	}{
		{0, 1, []int{1}, []int{1, 4, 3}, iota32(24)[12:]},
		{1, 2, []int{1}, []int{2, 2, 3}, []float32{6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23}},
		{1, 1, []int{3, 0}, []int{2, 2, 3}, []float32{9, 10, 11, 0, 1, 2, 21, 22, 23, 12, 13, 14}},
		{2, 1, []int{0, 2}, []int{2, 4, 2}, []float32{0, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 23}},
		{2, 3, []int{0}, []int{2, 4, 3}, iota32(24)},
		{1, 2, nil, []int{2, 0, 3}, nil},
	} {
		got, err := x.Select(c.axis, c.keep, c.width)
		if err != nil || !slices.Equal(got.Shape, c.shape) || !slices.Equal(got.Float32(), c.want) {
			t.Errorf("axis %d keep %v x %d: %v %v, %v", c.axis, c.keep, c.width, got.Shape, got.Float32(), err)
		}
	}
	bias := FromFloat32(BF16, []int{6}, iota32(6))
	got, err := bias.Select(0, []int{0, 2}, 2)
	if err != nil || got.DType != BF16 || !slices.Equal(got.Float32(), []float32{0, 1, 4, 5}) {
		t.Error(got, err)
	}
}

func TestSelectBlocks(t *testing.T) {
	for _, d := range blockTypes {
		q, vals := golden(t, d)
		q.Shape = []int{4, 256}
		rows, err := q.Select(0, []int{3, 1}, 1)
		want := slices.Concat(vals[768:], vals[256:512])
		if err != nil || rows.DType != d || !slices.Equal(rows.Shape, []int{2, 256}) || !slices.Equal(rows.Float32(), want) {
			t.Errorf("%s: rows differ (%v)", d, err)
		}
		cols, err := q.Select(1, []int{0, 5}, 8)
		if err != nil || cols.DType != F32 || !slices.Equal(cols.Shape, []int{4, 16}) {
			t.Fatalf("%s: columns: %s%v, %v", d, cols.DType, cols.Shape, err)
		}
		for r, row := range slices.Collect(slices.Chunk(cols.Float32(), 16)) {
			if want := slices.Concat(vals[256*r:][:8], vals[256*r+40:][:8]); !slices.Equal(row, want) {
				t.Errorf("%s: row %d of the columns is %v, want %v", d, r, row, want)
			}
		}
	}
}

func TestSelectErrors(t *testing.T) {
	x := FromFloat32(F32, []int{2, 3}, iota32(6))
	for _, c := range []struct {
		axis, width int
		keep        []int
	}{{-1, 1, nil}, {2, 1, nil}, {1, 2, nil}, {1, 0, nil}, {0, 1, []int{2}}, {0, 1, []int{-1}}} {
		if _, err := x.Select(c.axis, c.keep, c.width); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// TestSelectEmpty cuts tensors without values.
func TestSelectEmpty(t *testing.T) {
	for _, shape := range [][]int{{0, 4}, {4, 0}, {0}} {
		got, err := New(F32, shape, nil).Select(0, nil, 2)
		if err != nil || got.Len() != 0 {
			t.Error(shape, got, err)
		}
	}
}
