package model

import (
	"fmt"
	"math"
)

// Rope is the rotary position embedding. Pair i of a head turns by
// position · theta^(-2i/D), divided by what Scaling says.
type Rope struct {
	Theta   float64
	Scaling *RopeScaling // nil: none
}

// RopeScaling stretches the context. Type "linear" divides every angle by
// Factor; "llama3" divides low frequencies, keeps high ones and blends between
// (Llama 3.1; transformers modeling_rope_utils.py); "factors" divides pair i by
// Factors[i] (GGUF's rope_freqs.weight when its parameters are unknown); "longrope"
// by Short[i], or by Long[i] in sequences beyond OriginalPosition (longrope.go).
type RopeScaling struct {
	Type             string
	Factor           float64
	LowFreq          float64
	HighFreq         float64
	OriginalPosition float64
	Factors          []float64

	Short, Long     []float64 // of "longrope"
	AttentionFactor *float64  // of "longrope": what cos and sin are multiplied by; nil: 1
}

// InvFreq is the angle per position of each pair, D/2 of them, in a sequence of
// so many tokens.
func (r Rope) InvFreq(headDim, tokens int) []float64 {
	f := make([]float64, headDim/2)
	div := r.Divisors(headDim)
	if r.FreqLength(tokens) > 0 {
		div = r.Scaling.Long
	}
	for i := range f {
		f[i] = math.Pow(r.Theta, -2*float64(i)/float64(headDim)) / div[i]
	}
	return f
}

// Divisors is what each pair's angle is divided by, D/2 of them, in sequences
// within the original context.
func (r Rope) Divisors(headDim int) []float64 {
	d := make([]float64, headDim/2)
	for i := range d {
		d[i] = r.Scaling.divisor(i, math.Pow(r.Theta, -2*float64(i)/float64(headDim)))
	}
	return d
}

func (s *RopeScaling) divisor(i int, freq float64) float64 {
	switch {
	case s == nil:
		return 1
	case s.Type == "linear":
		return s.Factor
	case s.Type == "factors":
		return s.Factors[i]
	case s.LongRope():
		return s.Short[i]
	}
	wave := 2 * math.Pi / freq
	if wave < s.OriginalPosition/s.HighFreq {
		return 1
	}
	if wave > s.OriginalPosition/s.LowFreq {
		return s.Factor
	}
	smooth := (s.OriginalPosition/wave - s.LowFreq) / (s.HighFreq - s.LowFreq)
	return 1 / ((1-smooth)/s.Factor + smooth)
}

// published are the llama3 scalings of released models, by which GGUF factors
// are recognised.
var published = []RopeScaling{
	{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, OriginalPosition: 8192},
	{Type: "llama3", Factor: 32, LowFreq: 1, HighFreq: 4, OriginalPosition: 8192},
}

// recognise turns bare factors into the published scaling that gives them.
func recognise(theta float64, headDim int, factors []float64) *RopeScaling {
	for _, p := range published {
		if near((Rope{theta, &p}).Divisors(headDim), factors) {
			return &p
		}
	}
	return &RopeScaling{Type: "factors", Factors: factors}
}

func near(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-5*math.Abs(a[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func (r Rope) validate(headDim int) error {
	if !(r.Theta > 0) || math.IsInf(r.Theta, 0) {
		return fmt.Errorf("rope theta is %v, want a positive number", r.Theta)
	}
	s := r.Scaling
	if s == nil {
		return nil
	}
	switch s.Type {
	case "linear":
		if s.Factor >= 1 {
			return nil
		}
	case "llama3":
		if s.Factor >= 1 && s.LowFreq > 0 && s.HighFreq > s.LowFreq && s.OriginalPosition > 0 {
			return nil
		}
	case "factors":
		if len(s.Factors) == headDim/2 {
			return nil
		}
	case longrope:
		if s.longInRange(headDim) {
			return nil
		}
	default:
		return fmt.Errorf("rope scaling %q is not supported, known are linear, llama3, longrope", s.Type)
	}
	return fmt.Errorf("rope scaling %q has values out of range", s.Type)
}
