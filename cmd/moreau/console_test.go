package main

import (
	"strings"
	"testing"
	"time"

	"moreau/internal/job"
)

// A plain line is of the middle alone: nothing done has no rate, and the end has its own line.
func TestPlainLines(t *testing.T) {
	for done, want := range map[int64]bool{0: false, 1: true, 9: true, 10: false} {
		var out strings.Builder
		c := newConsole(&out)
		c.Begin(job.Writing, "", 10)
		c.At(5) // too early for a line
		c.start, c.last = c.start.Add(-time.Minute), c.last.Add(-time.Minute)
		c.At(done)
		if (out.Len() > 0) != want {
			t.Errorf("%d of 10: %q", done, out.String())
		}
	}
}
