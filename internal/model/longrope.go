package model

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

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

// hfLongRope is what a config.json has of LongRoPE. Phi3Config keeps the original
// context outside of the scaling, and calls LongRoPE su or yarn in old files.
type hfLongRope struct {
	Original   float64        `json:"original_max_position_embeddings"`
	Scaling    *hfLongFactors `json:"rope_scaling"`
	Parameters *hfLongFactors `json:"rope_parameters"`
}

type hfLongFactors struct {
	Type       string    `json:"rope_type"`
	LegacyType string    `json:"type"`
	Short      []float64 `json:"short_factor"`
	Long       []float64 `json:"long_factor"`
	Factor     float64   `json:"factor"`
	Attention  *float64  `json:"attention_factor"`
	Original   float64   `json:"original_max_position_embeddings"`
}

// readLongRope takes LongRoPE from config.json, if it is there.
func (c *Config) readLongRope(data []byte) error {
	var h hfLongRope
	if err := json.Unmarshal(data, &h); err != nil {
		return fmt.Errorf("not a model configuration: %w", err)
	}
	f := h.Scaling
	if f == nil {
		f = h.Parameters
	}
	if f == nil || !slices.Contains(c.Family.longRopeNames(), f.Type) && !slices.Contains(c.Family.longRopeNames(), f.LegacyType) {
		return nil
	}
	original := h.Original
	switch {
	case original == 0 && c.Family == &phi3:
		original = 4096 // Phi3Config
	case original == 0:
		original = f.Original
	}
	if original == 0 {
		original = float64(c.MaxPositions)
	}
	if f.Factor == 0 {
		f.Factor = float64(c.MaxPositions) / original
	}
	if f.Attention == nil {
		attention := LongRopeAttention(f.Factor, original)
		f.Attention = &attention
	}
	c.Rope.Scaling = &RopeScaling{Type: longrope, OriginalPosition: original, Short: f.Short, Long: f.Long, AttentionFactor: f.Attention}
	return nil
}

func (f *Family) longRopeNames() []string {
	if f == &phi3 {
		return []string{longrope, "su", "yarn"}
	}
	return []string{longrope}
}

// longRope reads a file that has the factors of LongRoPE, as llama.cpp does
// (llama-model.cpp, load_hparams).
func (k *keys) longRope(context int, factors RopeTensors) *RopeScaling {
	s := &RopeScaling{Type: longrope, OriginalPosition: float64(context), Short: factors.Short, Long: factors.Long}
	if n, ok := k.m.Uint(k.arch + ".rope.scaling.original_context_length"); ok {
		s.OriginalPosition = float64(n)
	}
	if a, ok := k.m.Float(k.arch + ".rope.scaling.attn_factor"); ok {
		s.AttentionFactor = &a
	}
	return s
}

func (s *RopeScaling) longInRange(headDim int) bool {
	const context = 1 << 24 // as Config.Validate
	all := func(factors []float64) bool {
		return len(factors) == headDim/2 && !slices.ContainsFunc(factors, func(x float64) bool { return !positive(x) })
	}
	return all(s.Short) && all(s.Long) && s.OriginalPosition >= 2 && s.OriginalPosition <= context && positive(Rope{Scaling: s}.Attention())
}
