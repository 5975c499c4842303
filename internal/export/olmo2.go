package export

import (
	"fmt"
	"maps"

	"moreau/internal/model"
)

// What every OLMo 2 and 3 computes, and what an OLMo 3 does beyond.
var (
	olmos  = model.FeaturesOf(model.NoPreNorms, model.PostNorms, model.WideNorms)
	olmo3s = anyWindows | model.FeaturesOf(model.LocalRopes)
)

// olmo3Fits: what slides turns by the same theta, unscaled.
func olmo3Fits(c *model.Config) string {
	if c.HasPositions(model.LocalRope) && c.LocalRope.Theta != c.Rope.Theta {
		return fmt.Sprintf("has one RoPE theta for all layers, this model %g and %g", c.Rope.Theta, c.LocalRope.Theta)
	}
	return slidingTurnLocally(c)
}

// olmo2Keys are the windows; without them, all layers see all keys.
func olmo2Keys(c *model.Config, add func(key string, value any)) {
	if w := c.Window(); w > 0 {
		add("attention.sliding_window", uint32(w))
		add("attention.sliding_window_pattern", slides(c))
	}
}

// olmo3Config says which layers slide, and how each kind turns: transformers 4 reads the pair that is there
// already, 5 takes its own theta for layers that slide unless rope_parameters say one.
func olmo3Config(o object, c *model.Config, _ bool) {
	layerTypes(o, c)
	full := object{"rope_type": "default"}
	if scaling, ok := o["rope_scaling"].(object); ok {
		full = maps.Clone(scaling)
	}
	full["rope_theta"] = o["rope_theta"]
	o["rope_parameters"] = object{model.FullLayer: full, model.SlidingLayer: object{"rope_type": "default", "rope_theta": o["rope_theta"]}}
}
