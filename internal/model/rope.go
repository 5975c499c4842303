package model

import (
	"fmt"
	"math"
	"slices"
)

// Rope is the rotary position embedding. Pair i of a head turns by
// position · theta^(-2i/D), divided by what Scaling says.
type Rope struct {
	Theta   float64
	Scaling *RopeScaling // nil: none
}

// RopeScaling stretches the context, as transformers' modeling_rope_utils.py has it, in
// one of these ways:
//
//	linear    divides every angle by Factor
//	dynamic   raises theta in sequences beyond OriginalPosition
//	llama3    divides low frequencies, keeps high ones and blends between (Llama 3.1)
//	yarn      does so along the pairs, and lengthens q and k (yarn.go)
//	longrope  divides pair i by Short[i], by Long[i] in sequences beyond OriginalPosition (longrope.go)
//	factors   divides pair i by Factors[i]: GGUF's rope_freqs.weight, of which scaling is unknown
type RopeScaling struct {
	Type             string
	Factor           float64  // of all but longrope and factors
	OriginalPosition float64  // context before scaling, in tokens; of dynamic, the model's context
	AttentionFactor  *float64 // of yarn, longrope and factors: what cos and sin are multiplied by; nil: by Factor and the two mscales, or 1

	LowFreq, HighFreq float64 // of llama3

	// Of yarn.
	MScale       float64 // 0: absent
	MScaleAllDim float64
	BetaFast     float64 // 0: 32
	BetaSlow     float64 // 0: 1
	NoTruncate   bool    // the ramp starts and ends between pairs

	Short, Long []float64 // of longrope
	Factors     []float64 // of factors
}

// InvFreq is the angle per position of each pair, D/2 of them, in a sequence of
// so many tokens; only dynamic scaling and LongRoPE ask how many.
func (r Rope) InvFreq(headDim, tokens int) []float64 {
	f := make([]float64, headDim/2)
	div, theta := r.Divisors(headDim), r.dynamicTheta(headDim, tokens)
	if r.Scaling.LongRope() && r.FreqLength(tokens) > 0 {
		div = r.Scaling.Long
	}
	for i := range f {
		f[i] = math.Pow(theta, -2*float64(i)/float64(headDim)) / div[i]
	}
	return f
}

// FreqLength is the sequence length by which the frequencies of a sequence of so
// many tokens are computed: 0 where they do not depend on it.
func (r Rope) FreqLength(tokens int) int {
	s := r.Scaling
	switch {
	case s == nil || float64(tokens) <= s.OriginalPosition:
	case s.Type == "dynamic":
		return tokens
	case s.LongRope():
		return int(s.OriginalPosition) + 1 // the same for all that are longer
	}
	return 0
}

// dynamicTheta is theta, raised where the sequence is longer than the context
// (NTK-aware scaling; transformers, _compute_dynamic_ntk_parameters).
func (r Rope) dynamicTheta(headDim, tokens int) float64 {
	s, d := r.Scaling, float64(headDim)
	if s == nil || s.Type != "dynamic" || r.FreqLength(tokens) == 0 {
		return r.Theta
	}
	return r.Theta * math.Pow(s.Factor*float64(tokens)/s.OriginalPosition-(s.Factor-1), d/(d-2))
}

// Divisors is what each pair's angle is divided by, D/2 of them, in sequences
// within the model's context, or that of LongRoPE before scaling.
func (r Rope) Divisors(headDim int) []float64 {
	if r.Scaling != nil && r.Scaling.Type == "yarn" {
		return r.yarnDivisors(headDim)
	}
	d := make([]float64, headDim/2)
	for i := range d {
		d[i] = r.Scaling.divisor(i, math.Pow(r.Theta, -2*float64(i)/float64(headDim)))
	}
	return d
}

// divisor is that of pair i, whose angle is freq a position.
func (s *RopeScaling) divisor(i int, freq float64) float64 {
	switch {
	case s == nil || s.Type == "dynamic":
		return 1
	case s.Type == "linear":
		return s.Factor
	case s.Type == "factors":
		return s.Factors[i]
	case s.LongRope():
		return s.Short[i]
	}
	return s.llama3Divisor(freq)
}

func (s *RopeScaling) llama3Divisor(freq float64) float64 {
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
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= 1e-5*math.Abs(x) })
}

func (r Rope) validate(headDim int) error {
	if !(r.Theta > 0) || math.IsInf(r.Theta, 0) {
		return fmt.Errorf("rope theta is %v, want a positive number", r.Theta)
	}
	s := r.Scaling
	if s == nil {
		return nil
	}
	check, known := scalings[s.Type]
	if !known {
		return fmt.Errorf("rope scaling %q is not supported, known are linear, dynamic, yarn, llama3, longrope", s.Type)
	}
	if wrong := check(r, headDim); wrong != "" {
		return fmt.Errorf("rope scaling %q has values out of range: %s", s.Type, wrong)
	}
	return nil
}
