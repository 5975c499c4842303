package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// scalings are the known types of scaling: what of one is out of range for heads of which so many
// components turn, named by its key of config.json; "" where nothing is.
var scalings = map[string]func(r Rope, headDim int) string{
	"linear":  func(r Rope, _ int) string { return r.Scaling.factorWrong() },
	"dynamic": dynamicWrong,
	"llama3":  llama3Wrong,
	"yarn":    yarnWrong,
	"factors": func(r Rope, headDim int) string {
		return cmp.Or(factorsWrong("rope_freqs", r.Scaling.Factors, headDim), r.attentionWrong())
	},
	longrope: longWrong,
}

// unless says what is wrong where ok does not hold.
func unless(ok bool, format string, args ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func (s *RopeScaling) factorWrong() string {
	return unless(s.Factor >= 1 && !math.IsInf(s.Factor, 0), "factor is %v, want 1 or more", s.Factor)
}

func (s *RopeScaling) originalWrong() string {
	ok := s.OriginalPosition > 0 && s.OriginalPosition <= mostSize
	return unless(ok, "original_max_position_embeddings is %v, want more than 0, to %d", s.OriginalPosition, mostSize)
}

func (r Rope) attentionWrong() string {
	return unless(positive(r.Attention()), "attention_factor, given or by mscale, is %v, want more than 0", r.Attention())
}

func dynamicWrong(r Rope, headDim int) string {
	return cmp.Or(r.Scaling.factorWrong(), r.Scaling.originalWrong(), unless(headDim > 2, "%d components of a head turn, want more than 2", headDim))
}

func llama3Wrong(r Rope, _ int) string {
	s := r.Scaling
	return cmp.Or(s.factorWrong(), s.originalWrong(),
		unless(s.LowFreq > 0, "low_freq_factor is %v, want more than 0", s.LowFreq),
		unless(s.HighFreq > s.LowFreq && !math.IsInf(s.HighFreq, 0), "high_freq_factor is %v, want more than low_freq_factor, which is %v", s.HighFreq, s.LowFreq))
}

func yarnWrong(r Rope, headDim int) string {
	s := r.Scaling
	if wrong := cmp.Or(s.factorWrong(), s.originalWrong(), unless(r.Theta > 1, "rope_theta is %v, want more than 1", r.Theta)); wrong != "" {
		return wrong // the ramp is of all these
	}
	low, high := r.yarnRamp(headDim)
	fast, slow := s.betas()
	return cmp.Or(unless(slow > 0 && fast >= slow && low <= high, "beta_fast is %v and beta_slow %v, want beta_slow above 0 and beta_fast no less", fast, slow),
		r.attentionWrong())
}

func longWrong(r Rope, headDim int) string {
	s := r.Scaling
	return cmp.Or(factorsWrong("short_factor", s.Short, headDim), factorsWrong("long_factor", s.Long, headDim),
		unless(s.OriginalPosition >= 2 && s.OriginalPosition <= mostSize, "original_max_position_embeddings is %v, want 2 to %d", s.OriginalPosition, mostSize),
		r.attentionWrong())
}

// factorsWrong asks for a positive number a pair that turns.
func factorsWrong(key string, factors []float64, headDim int) string {
	if len(factors) != headDim/2 {
		return fmt.Sprintf("%s has %d numbers, want %d", key, len(factors), headDim/2)
	}
	i := slices.IndexFunc(factors, func(x float64) bool { return !positive(x) })
	return unless(i < 0, "%s has %v, want numbers above 0", key, factors[max(0, i)])
}

// positive says whether x is a finite number above 0.
func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
