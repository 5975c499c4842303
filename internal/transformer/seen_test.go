package transformer_test

import (
	"slices"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// The rows of a sequence stand where it does in the batch, and are as many as it has tokens.
func TestSequenceOfSeen(t *testing.T) {
	be := newBackend(t, 1)
	const T, width = 3, 2
	x, dx := be.New(3*T*width), be.New(3*T*width)
	be.Upload(x, func(part []float32, lo int) {
		for i := range part {
			part[i] = float32(lo + i)
		}
	})
	be.Axpby(dx, 10, x, 0)
	s := transformer.Seen{Lengths: []int{2, 3, 1}, T: T, Width: width, X: x, DX: dx}
	for b, want := range [][]float32{{0, 1, 2, 3}, {6, 7, 8, 9, 10, 11}, {12, 13}} {
		gotX, gotDX, rows := s.Sequence(b)
		grown := make([]float32, len(want))
		for i, v := range want {
			grown[i] = 10 * v
		}
		if !slices.Equal(goldentest.Host(be, gotX), want) || !slices.Equal(goldentest.Host(be, gotDX), grown) || rows != len(want)/width {
			t.Errorf("sequence %d: %v, %v, %d rows, want %v", b, goldentest.Host(be, gotX), goldentest.Host(be, gotDX), rows, want)
		}
	}
	s.DX = nil
	if _, dx, _ := s.Sequence(1); dx != nil {
		t.Error("a gradient that nobody computed")
	}
}
