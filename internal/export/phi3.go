package export

import (
	"fmt"

	"moreau/internal/model"
)

// phi3Sizes: Phi3Config wants as many factors of LongRoPE as follow from the heads and the hidden size.
func phi3Sizes(c *model.Config) string {
	if c.Rope.Scaling.LongRope() {
		return squareAttention(c)
	}
	return ""
}

// phi3Fits: our own code gets around that by another number of heads.
func phi3Fits(c *model.Config) string {
	if c.Rope.Scaling.LongRope() && c.HiddenSize%c.HeadDim != 0 {
		return fmt.Sprintf("has no place for LongRoPE with a head size of %d and a hidden size of %d", c.HeadDim, c.HiddenSize)
	}
	return ""
}

// phi3Config writes a window, and LongRoPE: Phi3Config of transformers 4 wants three fields of
// rope_scaling and no other. The original context stands beside them, and llama.cpp's converter
// asks for it without scaling too.
func phi3Config(o object, c *model.Config, remote bool) {
	windowConfig(o, c, "phi3")
	if n := c.Rotary(); n != c.HeadDim {
		o["partial_rotary_factor"] = float(float64(n) / float64(c.HeadDim))
	}
	o["original_max_position_embeddings"] = c.MaxPositions
	s := c.Rope.Scaling
	if !s.LongRope() {
		return
	}
	o["original_max_position_embeddings"] = int(s.OriginalPosition)
	scaling := o["rope_scaling"].(object)
	for _, key := range []string{"rope_type", "factor", "original_max_position_embeddings"} {
		delete(scaling, key)
	}
	if remote {
		heads := c.HiddenSize / c.HeadDim
		o["num_attention_heads"], o["num_key_value_heads"] = heads, max(1, heads/mostHeads(c).Group())
	}
}
