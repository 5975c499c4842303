package model

import "math"

// LongRoPE (Ding et al., arXiv 2402.13753; transformers,
// _compute_longrope_parameters): each pair has a divisor of its own for sequences
// within the original context and another for longer ones. Cos and sin are
// multiplied by an attention factor in both.

const longrope = "longrope"

// LongRope says whether s is LongRoPE; nil is not.
func (s *RopeScaling) LongRope() bool { return s != nil && s.Type == longrope }

// LongRopeAttention is the attention factor of a context that is factor times the original one.
func LongRopeAttention(factor, original float64) float64 {
	if factor <= 1 {
		return 1
	}
	return math.Sqrt(1 + math.Log(factor)/math.Log(original))
}
