package tensor

import (
	"math"
	"testing"
)

func TestDTypeNames(t *testing.T) {
	seen := map[string]bool{}
	for i := range dtypes {
		d := DType(i)
		if d.String() == "" || seen[d.String()] {
			t.Errorf("dtype %d: name %q is empty or taken", i, d)
		}
		seen[d.String()] = true
		if back, err := ParseDType(d.String()); back != d || err != nil {
			t.Errorf("%s parses to %v, %v", d, back, err)
		}
	}
	if _, err := ParseDType("F8_E4M3"); err == nil {
		t.Error("F8_E4M3: no error")
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		d     DType
		shape []int
		want  int // -1: an error
	}{
		{F32, nil, 4}, {F16, []int{3, 5}, 30}, {BF16, []int{0}, 0}, {F64, []int{7, 0, 2}, 0},
		{Q4_0, []int{2, 64}, 72}, {Q6_K, []int{256}, 210}, {Q8_0, []int{2, 0}, 0},
		{Q4_0, []int{64, 2}, -1}, {Q4_0, nil, -1}, {Q4_K, []int{128}, -1}, {F32, []int{-1}, -1},
		{F32, []int{-1, -1}, -1}, {U8, []int{math.MaxInt, math.MaxInt}, -1}, {F64, []int{math.MaxInt / 8}, -1},
		{F32, []int{1 << 32, 1 << 32, 4}, -1}, {DType(200), []int{1}, -1},
	} {
		got, err := c.d.Bytes(c.shape)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s%v: got %d, %v, want %d", c.d, c.shape, got, err, c.want)
		}
	}
}
