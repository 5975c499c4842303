package model

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// Values of rope and its scalings at their limits, and beyond.
func TestRopeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		r  Rope
		ok bool
	}{
		"plain":                   {Rope{Theta: 1e4}, true},
		"theta 0":                 {Rope{}, false},
		"theta NaN":               {Rope{Theta: math.NaN()}, false},
		"theta infinite":          {Rope{Theta: math.Inf(1)}, false},
		"linear":                  {Rope{1e4, &RopeScaling{Type: "linear", Factor: 1}}, true},
		"linear below 1":          {Rope{1e4, &RopeScaling{Type: "linear", Factor: 0.99}}, false},
		"linear infinite":         {Rope{1e4, &RopeScaling{Type: "linear", Factor: math.Inf(1)}}, false},
		"dynamic":                 {Rope{1e4, &RopeScaling{Type: "dynamic", Factor: 2, OriginalPosition: 1}}, true},
		"dynamic of no context":   {Rope{1e4, &RopeScaling{Type: "dynamic", Factor: 2}}, false},
		"dynamic of less":         {Rope{1e4, &RopeScaling{Type: "dynamic", Factor: 2, OriginalPosition: -8}}, false},
		"dynamic of too much":     {Rope{1e4, &RopeScaling{Type: "dynamic", Factor: 2, OriginalPosition: 1e18}}, false},
		"llama3":                  {Rope{1e4, &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, OriginalPosition: 8192}}, true},
		"llama3 of one frequency": {Rope{1e4, &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 4, HighFreq: 4, OriginalPosition: 8192}}, false},
		"llama3 from 0":           {Rope{1e4, &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 0, HighFreq: 4, OriginalPosition: 8192}}, false},
		"llama3 to infinity":      {Rope{1e4, &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: math.Inf(1), OriginalPosition: 8192}}, false},
		"llama3 of no context":    {Rope{1e4, &RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4}}, false},
		"yarn":                    {Rope{1e4, &RopeScaling{Type: "yarn", Factor: 4, OriginalPosition: 4096}}, true},
		"yarn of no context":      {Rope{1e4, &RopeScaling{Type: "yarn", Factor: 4}}, false},
		"yarn at theta 1":         {Rope{1, &RopeScaling{Type: "yarn", Factor: 4, OriginalPosition: 4096}}, false},
		"factors":                 {Rope{1e4, &RopeScaling{Type: "factors", Factors: slices.Repeat([]float64{1}, 8)}}, true},
		"too few factors":         {Rope{1e4, &RopeScaling{Type: "factors", Factors: slices.Repeat([]float64{1}, 7)}}, false},
		"factors of 0":            {Rope{1e4, &RopeScaling{Type: "factors", Factors: make([]float64, 8)}}, false},
		"another":                 {Rope{1e4, &RopeScaling{Type: "ntk", Factor: 4, OriginalPosition: 4096}}, false},
	} {
		err := c.r.validate(16)
		if (err == nil) != c.ok || err != nil && !strings.HasPrefix(err.Error(), "rope ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dynamic := Rope{1e4, &RopeScaling{Type: "dynamic", Factor: 2, OriginalPosition: 8}}
	if dynamic.validate(2) == nil || dynamic.validate(4) != nil {
		t.Error("dynamic scaling of a head of 2, whose exponent has no bound, or not of one of 4")
	}
}
