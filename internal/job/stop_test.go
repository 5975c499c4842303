package job

import (
	"strings"
	"testing"
)

// However a text is cut into pieces, what is said ends before the first stop string, and
// nothing is said that has to be taken back.
func TestStopper(t *testing.T) {
	for _, c := range []struct {
		text, want string
		stops      []string
		stopped    bool
	}{
		{"one two three", "one ", []string{"two"}, true},
		{"one two three", "one two three", []string{"four"}, false},
		{"aaab", "a", []string{"aab"}, true},
		{"ababac", "ab", []string{"abac"}, true},
		{"one two three", "on", []string{"three", "e t"}, true},
		{"end", "end", nil, false},
		{"a\n", "a\n", []string{"\n\n"}, false},
		{"peu été", "peu ", []string{"é"}, true},
	} {
		for size := 1; size <= len(c.text); size++ {
			s, said, stopped := stopper{stops: c.stops}, "", false
			for rest := c.text; rest != "" && !stopped; {
				n := min(size, len(rest))
				var more string
				more, stopped = s.add(rest[:n])
				said, rest = said+more, rest[n:]
				if !strings.HasPrefix(c.want, said) {
					t.Fatalf("%q, stops %q, pieces of %d: said %q", c.text, c.stops, size, said)
				}
			}
			if said += s.held; said != c.want || stopped != c.stopped {
				t.Errorf("%q, stops %q, pieces of %d: %q, %v", c.text, c.stops, size, said, stopped)
			}
		}
	}
}
