package model

// rope reads the pair rope_theta and rope_scaling of transformers 4, or the
// rope_parameters of 5, which takes the pair where there are both.
func (h *hfConfig) rope(context int) Rope {
	r, s := Rope{Theta: 10000}, h.RopeScaling
	if s == nil || *s == (hfRope{}) {
		s = h.RopeParameters
	}
	if h.RopeTheta != nil {
		r.Theta = *h.RopeTheta
	}
	if s == nil {
		return r
	}
	if s.Theta != nil {
		r.Theta = *s.Theta
	}
	r.Scaling = s.scaling(float64(context))
	return r
}

// scaling is nil where angles are not scaled. Defaults are those of transformers:
// an original context that is not given is the model's.
func (s *hfRope) scaling(context float64) *RopeScaling {
	kind := s.Type
	if kind == "" {
		kind = s.LegacyType
	}
	if kind == "" || kind == "default" {
		return nil
	}
	x := &RopeScaling{Type: kind, Factor: s.Factor, LowFreq: s.LowFreq, HighFreq: s.HighFreq, OriginalPosition: s.Original}
	if kind == "dynamic" || x.OriginalPosition == 0 {
		x.OriginalPosition = context
	}
	if kind != "yarn" {
		return x
	}
	if x.Factor == 0 {
		x.Factor = context / x.OriginalPosition
	}
	x.AttentionFactor, x.MScale, x.MScaleAllDim = s.AttentionFactor, s.MScale, s.MScaleAllDim
	x.BetaFast, x.BetaSlow, x.NoTruncate = s.BetaFast, s.BetaSlow, s.Truncate != nil && !*s.Truncate
	return x
}
