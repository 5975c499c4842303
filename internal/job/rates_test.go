package job

import (
	"testing"
	"time"
)

// A rate is of the tokens that took the time: of the prompt those that were computed, behind the first token
// those after it; where there was none, it is 0 and not infinite.
func TestRates(t *testing.T) {
	for _, tt := range []struct {
		ids          int
		prompt, rest float64
	}{{0, 0, 0}, {1, 3, 0}, {2, 3, 0.5}, {9, 3, 4}} {
		c := Continuation{IDs: make([]int, tt.ids), Prompt: 7, New: 6}
		elapsed := 2 * time.Second
		if tt.ids == 0 {
			elapsed = 0
		}
		if c.rates(elapsed, 2*time.Second); c.PromptRate != tt.prompt || c.Rate != tt.rest {
			t.Errorf("%d tokens: %g and %g a second, want %g and %g", tt.ids, c.PromptRate, c.Rate, tt.prompt, tt.rest)
		}
	}
}
