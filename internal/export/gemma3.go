package export

import (
	"fmt"

	"moreau/internal/model"
)

// What a Gemma 3 may compute.
var gemma3s = anyWindows | model.FeaturesOf(model.LocalRopes, model.ScaledScores, model.CappedLogits)

// gemma3Fits: what slides turns by a RoPE of its own, which is not scaled, and all else by the other.
func gemma3Fits(c *model.Config) string {
	if why := slidingTurnLocally(c); why != "" {
		return why
	}
	return rootEmbedding(c)
}

// slidingTurnLocally: the layers with a window, all of one length, have an unscaled RoPE of their own.
func slidingTurnLocally(c *model.Config) string {
	for i, l := range c.Layers {
		if (l.Window > 0) != (l.Positions == model.LocalRope) || l.Positions == model.NoRope {
			return fmt.Sprintf("has a RoPE of their own in just the layers with a sliding window, layer %d of this model is otherwise", i)
		}
	}
	if c.LocalRope.Scaling != nil {
		return "does not scale the RoPE of layers with a sliding window, this model does"
	}
	return oneWindow(c)
}

// gemma3FitsGGUF: llama.cpp takes the scale of scores from the sizes too.
func gemma3FitsGGUF(c *model.Config) string {
	if n := c.Gemma3QueryScalar(); queryScalar(c) != n {
		return fmt.Sprintf("divides scores by the root of %d in models of these sizes, this one by that of %d", n, queryScalar(c))
	}
	return gemma3Fits(c)
}

// gemma3Keys are what a gemma3 file has beyond others. All of its layers but every sixth
// have the window unless a key says otherwise.
func gemma3Keys(c *model.Config, add func(key string, value any)) {
	if c.LogitCap > 0 {
		add("final_logit_softcapping", c.LogitCap)
	}
	w := c.Window()
	if w == 0 {
		return
	}
	add("attention.sliding_window", uint32(w))
	add("rope.freq_base_swa", float32(c.LocalRope.Theta))
	pattern, every6 := slides(c), true
	for i, yes := range pattern {
		every6 = every6 && yes == ((i+1)%6 != 0)
	}
	if !every6 {
		add("attention.sliding_window_pattern", pattern)
	}
}

// slides says which layers have a window.
func slides(c *model.Config) []bool {
	pattern := make([]bool, len(c.Layers))
	for i, l := range c.Layers {
		pattern[i] = l.Window > 0
	}
	return pattern
}

func gemma3Config(o object, c *model.Config, remote bool) {
	gemmaConfig(o, c, remote)
	layerTypes(o, c)
	o["query_pre_attn_scalar"] = queryScalar(c)
	o["final_logit_softcapping"] = nil
	if c.LogitCap > 0 {
		o["final_logit_softcapping"] = float(c.LogitCap)
	}
	if c.HasPositions(model.LocalRope) {
		o["rope_local_base_freq"] = float(c.LocalRope.Theta)
	}
}
