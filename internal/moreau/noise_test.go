package moreau

import (
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
)

// Noise is the same whenever it is asked for, and other for every seed, step and
// parameter: each draw of the table is made anew, and no two are alike.
func TestNoiseDependsOnAll(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	z := be.New(64)
	draw := func(seed uint64, step int, name string) []float32 {
		Counter(be, seed)(step, model.Param{Name: name}, z)
		return goldentest.Host(be, z)
	}
	var seen [][]float32
	for _, seed := range []uint64{0, 1} {
		for _, step := range []int{0, 1, 2, 256} {
			for _, name := range []string{"a", "b", "ab", "ba"} {
				got := draw(seed, step, name)
				if !slices.Equal(got, draw(seed, step, name)) {
					t.Errorf("seed %d, step %d, %s: two draws differ", seed, step, name)
				}
				for _, other := range seen {
					if common(got, other) > 2 {
						t.Errorf("seed %d, step %d, %s: the draws of another", seed, step, name)
					}
				}
				seen = append(seen, got)
			}
		}
	}
}

// The streams themselves: other ones would change the results of every seed. Values of
// FNV-1a over the name's bytes, then the step as one, computed apart.
func TestStreams(t *testing.T) {
	for _, c := range []struct {
		step int
		name string
		want uint64
	}{
		{0, "", 0xaf63bd4c8601b7df},
		{0, "a", 0x89be207b544f1e4},
		{12, "a", 0x89bd607b544dd80},
		{999, "model.layers.0.mlp.up_proj.weight", 0xa8fa4aa2a3b0a89d},
	} {
		if got := streamOf(c.step, c.name); got != c.want {
			t.Errorf("stream of step %d, %q is %#x, want %#x", c.step, c.name, got, c.want)
		}
	}
}

// common is how many values of a stand in b, wherever: streams must not be shifted
// copies of each other either.
func common(a, b []float32) (n int) {
	for _, v := range a {
		if slices.Contains(b, v) {
			n++
		}
	}
	return n
}
