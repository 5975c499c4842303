package generate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// drawn are rows [lo, hi) of a golden model's own text.
func drawn(t *testing.T, threads, lo, hi int, o RowOptions) (rows [][]int32) {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_gqa_rope3")
	w := transformer.NewCompact(be, g.Weights)
	defer w.Free()
	err = Rows(t.Context(), transformer.New(be, g.Config), w, lo, hi, o, func() {}, func(more [][]int32) error { rows = append(rows, more...); return nil })
	if err != nil || len(rows) != hi-lo {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

// A row is the same whatever else is drawn, on any number of threads; another seed gives others.
func TestRowsDoNotDependOnCompany(t *testing.T) {
	o := RowOptions{Tokens: 9, First: 1, Seed: 3, Group: 16}
	all := drawn(t, 2, 0, 40, o)
	for i, row := range all {
		if len(row) != 9 || row[0] != 1 || slices.ContainsFunc(all[:i], func(other []int32) bool { return slices.Equal(row, other) }) {
			t.Errorf("row %d is %v", i, row)
		}
	}
	for _, threads := range []int{1, 3, 8} {
		if got := drawn(t, threads, 0, 40, o); !slices.EqualFunc(got, all, slices.Equal) {
			t.Errorf("%d threads draw other rows", threads)
		}
	}
	for _, group := range []int{1, 17, 48} {
		o.Group = group
		if got := drawn(t, 2, 7, 30, o); !slices.EqualFunc(got, all[7:30], slices.Equal) {
			t.Errorf("groups of %d are other rows", group)
		}
	}
	o.Seed = 4
	if got := drawn(t, 2, 0, 40, o); slices.EqualFunc(got, all, slices.Equal) {
		t.Error("another seed draws the same rows")
	}
}

// Tokens are as frequent as softmax of the logits says, and random first tokens equally so.
func TestRowsFollowTheModel(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1 << 13
	V := g.Config.VocabSize
	logits, err := transformer.New(be, g.Config).NewSession(transformer.NewStreamed(be, g.Weights), 1).Append(t.Context(), []int32{1})
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range logits {
		sum += math.Exp(float64(v))
	}
	// chi is the sum of squared deviations of column at, in units of what chance makes of them: about V.
	chi := func(rows [][]int32, at int, p func(id int) float64) (chi float64) {
		counts := make([]float64, V)
		for _, row := range rows {
			counts[row[at]]++
		}
		for id, c := range counts {
			want := n * p(id)
			chi += (c - want) * (c - want) / want
		}
		return chi
	}
	limit := float64(V) + 5*math.Sqrt(2*float64(V))
	uniform := func(int) float64 { return 1 / float64(V) }
	model := func(id int) float64 { return math.Exp(float64(logits[id])) / sum }
	fixed, random := drawn(t, 2, 0, n, RowOptions{Tokens: 2, First: 1, Seed: 1, Group: 256}), drawn(t, 2, 0, n, RowOptions{Tokens: 2, First: Random, Seed: 1, Group: 256})
	if c := chi(fixed, 1, model); c > limit {
		t.Errorf("second tokens: %g of %d degrees", c, V)
	}
	if c := chi(fixed, 1, uniform); c < limit {
		t.Errorf("second tokens pass for uniform: %g of %d degrees; this test sees nothing", c, V)
	}
	if c := chi(random, 0, uniform); c > limit {
		t.Errorf("first tokens: %g of %d degrees", c, V)
	}
}

// What goes wrong ends the drawing.
func TestRowsFail(t *testing.T) {
	tr, w, _ := tiny(t, 64)
	ctx, cancel := context.WithCancel(t.Context())
	o, steps, full := RowOptions{Tokens: 8, First: 1, Group: 16}, 0, errors.New("full")
	err := Rows(ctx, tr, w, 0, 40, o, func() {
		if steps++; steps == 3 {
			cancel()
		}
	}, func([][]int32) error { t.Error("a group that was interrupted is there"); return nil })
	if !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("interrupted: %v after %d steps", err, steps)
	}
	if err := Rows(t.Context(), tr, w, 0, 40, o, func() {}, func([][]int32) error { return full }); err != full {
		t.Errorf("a full disk: %v", err)
	}
	if err := drawEach(make([][]int32, 2), []float32{1, 2, 3, float32(math.NaN())}, []*rand.Rand{rand.New(rand.NewPCG(1, 0)), nil}); !errors.Is(err, transformer.ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
}

// What drawing takes is foreseen.
func TestRowBytes(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	small, large := RowBytes(g.Config, g.Weights, RowOptions{Tokens: 33, Group: 16}), RowBytes(g.Config, g.Weights, RowOptions{Tokens: 33, Group: 32})
	keys := 16 * 33 * 2 * g.Config.KVBytes()
	if more := large - small; more < keys || more > 4*keys {
		t.Errorf("16 rows more take %d bytes, their keys and values %d", more, keys)
	}
}
