package model

import "math"

// YaRN (Peng et al., arXiv 2309.00071, section 3; transformers,
// _compute_yarn_parameters): pairs that turn often within the original context
// keep their angle, those that hardly turn are divided by the factor, and a ramp
// along the pairs leads from one to the other. Cos and sin are multiplied, so
// that the scores of attention grow with the context.

// Attention is what cos and sin are multiplied by, 1 but for YaRN, LongRoPE and bare factors.
func (r Rope) Attention() float64 {
	s := r.Scaling
	switch {
	case s == nil:
		return 1
	case s.AttentionFactor != nil:
		return *s.AttentionFactor
	case s.Type != "yarn":
		return 1
	case s.MScale != 0 && s.MScaleAllDim != 0:
		return yarnScale(s.Factor, s.MScale) / yarnScale(s.Factor, s.MScaleAllDim)
	}
	return s.YarnAttention()
}

// YarnAttention is the attention factor that follows from Factor alone: 0.1 ln(factor) + 1.
func (s *RopeScaling) YarnAttention() float64 { return yarnScale(s.Factor, 1) }

func yarnScale(factor, mscale float64) float64 { return 0.1*mscale*math.Log(factor) + 1 }

// plainYarn says whether the ramp is the paper's for a Llama, from 32 turns to 1 between whole
// pairs, and the original context a whole number of tokens: all that keys of a GGUF file say.
func (s *RopeScaling) plainYarn() bool {
	fast, slow := s.betas()
	return fast == 32 && slow == 1 && !s.NoTruncate && s.OriginalPosition == float64(uint32(s.OriginalPosition))
}

func (s *RopeScaling) betas() (fast, slow float64) {
	fast, slow = s.BetaFast, s.BetaSlow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	return fast, slow
}

// yarnRamp is the pair that is divided a little, and the one that is divided whole.
func (r Rope) yarnRamp(headDim int) (low, high float64) {
	s, d := r.Scaling, float64(headDim)
	pair := func(turns float64) float64 { // the pair that turns so often in the original context
		return d * math.Log(s.OriginalPosition/(turns*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	fast, slow := s.betas()
	low, high = pair(fast), pair(slow)
	if !s.NoTruncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	return max(low, 0), min(high, d-1)
}

func (r Rope) yarnDivisors(headDim int) []float64 {
	low, high := r.yarnRamp(headDim)
	if low == high {
		high += 0.001 // as in transformers
	}
	d := make([]float64, headDim/2)
	for i := range d {
		divided := min(max((float64(i)-low)/(high-low), 0), 1)
		d[i] = 1 / (divided/r.Scaling.Factor + 1 - divided)
	}
	return d
}
