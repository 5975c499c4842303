package export

import "moreau/internal/model"

// ropeKeys adds the metadata of the scalings that llama.cpp computes from keys. It
// multiplies cos and sin by YaRN's attention factor, as it follows from the factor
// alone, and by rope.scaling.attn_factor (llama-context.cpp), which here makes up
// the difference. Of a Llama it reads no rope.scaling.yarn_*.
func ropeKeys(add func(key string, value any), r model.Rope) {
	s, attention := r.Scaling, r.Attention()
	switch {
	case s == nil:
		return
	case s.LongRope():
		longRopeKeys(add, r)
		return
	case s.Type == "linear":
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
	case keyedYarn(s):
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
		add("rope.scaling.original_context_length", uint32(s.OriginalPosition))
		attention /= s.YarnAttention()
	}
	if attention != 1 {
		add("rope.scaling.attn_factor", float32(attention))
	}
}

// keyedYarn says whether keys say all of a YaRN scaling: llama.cpp has the default
// ramp alone and whole numbers of tokens. Others become factors.
func keyedYarn(s *model.RopeScaling) bool {
	return s.Type == "yarn" && s.DefaultRamp() && s.OriginalPosition == float64(uint32(s.OriginalPosition))
}
