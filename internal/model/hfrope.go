package model

import (
	"cmp"
	"reflect"
)

// hfRope is rope_scaling or rope_parameters of a config.json: the keys of all types.
type hfRope struct {
	Type       string   `json:"rope_type"`
	LegacyType string   `json:"type"`
	Theta      *float64 `json:"rope_theta"`
	Factor     float64  `json:"factor"`
	LowFreq    float64  `json:"low_freq_factor"`
	HighFreq   float64  `json:"high_freq_factor"`
	Original   float64  `json:"original_max_position_embeddings"`
	Partial    *float64 `json:"partial_rotary_factor"`

	// Of rope_parameters that differ with layer_types.
	Full    *hfRope `json:"full_attention"`
	Sliding *hfRope `json:"sliding_attention"`

	QueryGrowth *float64 `json:"llama_4_scaling_beta"` // Ministral 3's

	AttentionFactor *float64  `json:"attention_factor"`
	MScale          float64   `json:"mscale"`
	MScaleAllDim    float64   `json:"mscale_all_dim"`
	BetaFast        float64   `json:"beta_fast"`
	BetaSlow        float64   `json:"beta_slow"`
	Truncate        *bool     `json:"truncate"`
	Short           []float64 `json:"short_factor"`
	Long            []float64 `json:"long_factor"`
}

// rotaryShare is the share of a head that turns.
func (h *hfConfig) rotaryShare() float64 {
	share := h.PartialRotary
	for _, s := range []*hfRope{h.RopeScaling, h.RopeParameters} {
		if s != nil && s.Partial != nil {
			share = s.Partial
		}
	}
	if share == nil {
		return 1
	}
	return *share
}

// rope reads the pair rope_theta and rope_scaling of transformers 4, or the
// rope_parameters of 5, which takes the pair where there are both.
func (h *hfConfig) rope(f *Family, context int) Rope {
	return h.ropeOf(h.ropeFields(), h.RopeTheta, f, context)
}

// ropeFields is rope_scaling, or the rope_parameters that stand for it, those of layers that see
// all keys; nil where there is neither.
func (h *hfConfig) ropeFields() *hfRope {
	s := h.RopeScaling
	if s == nil || reflect.ValueOf(*s).IsZero() {
		s = h.RopeParameters
	}
	if s != nil && s.Full != nil {
		s = s.Full
	}
	return s
}

// turnLocally gives layers of type sliding_attention a RoPE of their own: that of the
// rope_parameters of transformers 5 by layer type, or one that is not scaled, of
// rope_local_base_freq or else rope_theta.
func (h *hfConfig) turnLocally(c *Config) {
	theta := h.LocalTheta
	if theta == nil {
		theta = h.RopeTheta
	}
	var s *hfRope
	if h.RopeParameters != nil {
		s = h.RopeParameters.Sliding
	}
	c.LocalRope = h.ropeOf(s, theta, c.Family, c.MaxPositions)
	for i, kind := range h.LayerTypes {
		if kind == SlidingLayer {
			c.Layers[i].Positions = LocalRope
		}
	}
}

// ropeOf is what s says, with a theta that goes before its absence.
func (h *hfConfig) ropeOf(s *hfRope, theta *float64, f *Family, context int) Rope {
	r := Rope{Theta: 10000}
	if theta != nil {
		r.Theta = *theta
	}
	if s == nil {
		return r
	}
	if s.Theta != nil {
		r.Theta = *s.Theta
	}
	s.Original = cmp.Or(h.OriginalPositions, s.Original)
	r.Scaling = s.scaling(s.kind(f), float64(context))
	return r
}

// kind is the type of scaling, "" where angles are not scaled.
func (s *hfRope) kind(f *Family) string {
	switch kind := cmp.Or(s.Type, s.LegacyType); {
	case kind == "default":
		return ""
	case f.longRope && (kind == "su" || kind == "yarn"):
		return longrope
	default:
		return kind
	}
}

// scaling is that of a kind. Defaults are those of transformers: an original context
// that is not given is the model's.
func (s *hfRope) scaling(kind string, context float64) *RopeScaling {
	x := &RopeScaling{Type: kind, OriginalPosition: cmp.Or(s.Original, context)}
	switch kind {
	case "":
		return nil
	case "linear":
		x.Factor = s.Factor
	case "dynamic":
		x.Factor, x.OriginalPosition = s.Factor, context
	case "llama3":
		x.Factor, x.LowFreq, x.HighFreq = s.Factor, s.LowFreq, s.HighFreq
	case "yarn":
		x.Factor, x.AttentionFactor = s.factor(x, context), s.AttentionFactor
		x.MScale, x.MScaleAllDim = s.MScale, s.MScaleAllDim
		x.BetaFast, x.BetaSlow, x.NoTruncate = s.BetaFast, s.BetaSlow, s.Truncate != nil && !*s.Truncate
	case longrope:
		x.Short, x.Long, x.AttentionFactor = s.Short, s.Long, s.AttentionFactor
		if x.AttentionFactor == nil {
			x.AttentionFactor = new(LongRopeAttention(s.factor(x, context), x.OriginalPosition))
		}
	}
	return x
}

// factor is how many times the original context of x the model's is, unless s says otherwise.
func (s *hfRope) factor(x *RopeScaling, context float64) float64 {
	return cmp.Or(s.Factor, context/x.OriginalPosition)
}
