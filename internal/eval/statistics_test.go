package eval

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, off float64) {
	t.Helper()
	if !(math.Abs(got-want) <= off) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

// The first of equals counts; lengths in characters decide the second verdict.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		logs  []float64
		chars []int
		gold  int
		want  Verdict
	}{
		{[]float64{-2, -1}, []int{1, 1}, 1, Verdict{true, true}},
		{[]float64{-2, -1}, []int{10, 1}, 0, Verdict{false, true}},
		{[]float64{-1, -1}, []int{1, 1}, 1, Verdict{false, false}},
		{[]float64{-3, -1, -1}, []int{1, 1, 1}, 1, Verdict{true, true}},
		{[]float64{-3, -4}, []int{0, 1}, 1, Verdict{false, true}},
	} {
		if got := Judge(c.logs, c.chars, c.gold); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestMeans(t *testing.T) {
	m := MeanOf([]float64{1, 0, 0, 1, 1})
	near(t, "mean", m.Value, 0.6, 1e-15)
	near(t, "stderr", m.Stderr, math.Sqrt(0.24/4), 1e-15)
	for _, few := range [][]float64{nil, {3}} {
		if m := MeanOf(few); m.Stderr != 0 || m.N != len(few) {
			t.Errorf("%v: %v", few, m)
		}
	}
	both := MeanOfMeans([]Mean{{4, 0.5, 0.3}, {10, 0.7, 0.4}})
	near(t, "mean of means", both.Value, 0.6, 1e-15)
	near(t, "its stderr", both.Stderr, 0.25, 1e-15)
}

// Of 6 disagreements 1 to 5: 2·(1 + 6)/2⁶.
func TestMcNemar(t *testing.T) {
	near(t, "1 to 5", McNemar(1, 5), 14./64, 1e-14)
	near(t, "5 to 1", McNemar(5, 1), 14./64, 1e-14)
	near(t, "3 to 3", McNemar(3, 3), 1, 0)
	near(t, "none", McNemar(0, 0), 1, 0)
	near(t, "0 to 10", McNemar(0, 10), 2/1024., 1e-15)
	near(t, "many", McNemar(4900, 5100), 0.0465, 1e-4) // normal approximation with continuity: 0.0466
}

// Student's tails as tables have them: 0.05 at these t, and closed forms for one and two degrees.
func TestStudentTail(t *testing.T) {
	for degrees, at := range map[int]float64{1: 12.7062047, 2: 4.30265273, 3: 3.18244631, 4: 2.77644511, 5: 2.57058184, 10: 2.22813885, 29: 2.04522964, 100: 1.98397152} {
		near(t, "5 %", studentTail(at, degrees), 0.05, 1e-8)
		near(t, "5 %, below 0", studentTail(-at, degrees), 0.05, 1e-8)
	}
	near(t, "normal", NormalTail(1.959963985), 0.05, 1e-9)
	near(t, "many degrees", studentTail(1.959963985, 100000), 0.05, 1e-5)
	for _, m := range []Mean{{1, 3, 0}, {5, 0, 0}, {5, 0, 2}} {
		near(t, "nothing to tell", PairedT(m), 1, 0)
	}
	near(t, "always the same difference", PairedT(Mean{5, 1, 0}), 0, 0)
}

// The error of a ratio is that of the mean where chunks are alike; of others it is known by hand: the
// ratio of (1, 5) over (1, 3) is 1.5, off by -0.5 and 0.5, sqrt(2·0.5)/4.
func TestRatioError(t *testing.T) {
	means, sums := []float64{2, 3, 7, 4}, []float64{20, 30, 70, 40}
	if got, want := ratioError(sums, []float64{10, 10, 10, 10}), MeanOf(means).Stderr; math.Abs(got-want) > 1e-12 {
		t.Errorf("chunks alike: %g, want %g", got, want)
	}
	if got := ratioError([]float64{1, 5}, []float64{1, 3}); math.Abs(got-0.25) > 1e-12 {
		t.Errorf("%g, want 0.25", got)
	}
	if got := ratioError([]float64{1}, []float64{1}); got != 0 {
		t.Errorf("of one chunk: %g", got)
	}
}
