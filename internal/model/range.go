package model

import (
	"fmt"
	"strconv"
	"strings"
)

// Range is a span of layers, First to Last, both included.
type Range struct{ First, Last int }

// Has reports whether layer lies in the range.
func (r Range) Has(layer int) bool { return layer >= r.First && layer <= r.Last }

// Len is the number of layers.
func (r Range) Len() int { return r.Last - r.First + 1 }

// String is the form ParseRange reads: "4..29".
func (r Range) String() string { return fmt.Sprintf("%d..%d", r.First, r.Last) }

// AllLayers is every layer of c.
func (c *Config) AllLayers() Range { return Range{0, len(c.Layers) - 1} }

// UnprotectedLayers leaves out the first eighth of the layers (at most 4) and
// the last sixteenth (at most 2), which hold a model together: 4..29 of 32
// layers, as the published runs did. Models of fewer than 3 layers protect none.
func (c *Config) UnprotectedLayers() Range {
	n := len(c.Layers)
	if n < 3 {
		return c.AllLayers()
	}
	return Range{min(4, (n+7)/8), n - 1 - min(2, (n+15)/16)}
}

// ParseRange reads "A..B" (or "A") and checks it against c.
func (c *Config) ParseRange(s string) (Range, error) {
	a, b, found := strings.Cut(s, "..")
	if !found {
		b = a
	}
	first, err1 := strconv.Atoi(a)
	last, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil || first < 0 || last < first || last >= len(c.Layers) {
		return Range{}, fmt.Errorf("layers %q: want A..B within 0..%d", s, len(c.Layers)-1)
	}
	return Range{first, last}, nil
}
