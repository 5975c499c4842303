package moreau

import (
	"math"
	"testing"
)

// The group soft threshold: what did not move stays where it is, with no threshold too.
func TestShrink(t *testing.T) {
	for _, c := range []struct {
		rms, by float64
		want    float32
	}{{0, 0, 0}, {0, 1, 0}, {1, 0, 1}, {1, 0.25, 0.75}, {1, 1, 0}, {1, 2, 0}} {
		if got := shrink(c.rms, c.by); got != c.want {
			t.Errorf("rms %g, threshold %g: %g, want %g", c.rms, c.by, got, c.want)
		}
	}
	if got := shrink(math.NaN(), 1); got == got {
		t.Errorf("NaN gives %g", got)
	}
}
