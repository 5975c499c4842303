package export

import (
	"fmt"

	"moreau/internal/model"
)

var growing = model.FeaturesOf(model.GrowingQueries)

// growthFits: queries grow beyond the original context of YaRN, in whole tokens.
func growthFits(c *model.Config) string {
	s, from := c.Rope.Scaling, c.Growth.Original
	if s == nil || s.Type != "yarn" || s.OriginalPosition != from || from != float64(uint32(from)) {
		return fmt.Sprintf("lets queries grow beyond the original context of YaRN, this model beyond %g tokens", from)
	}
	return ""
}

// mistral3Keys: where YaRN is written as factors, nothing else says the original context.
func mistral3Keys(c *model.Config, add func(key string, value any)) {
	add("attention.temperature_scale", float32(c.Growth.Beta))
	if c.Features().Has(model.YarnRamp) {
		add("rope.scaling.original_context_length", uint32(c.Growth.Original))
	}
}

// ministral3Config: transformers has the class since 5, where rope_parameters say all.
func ministral3Config(o object, c *model.Config, _ bool) {
	windowConfig(o, c, "ministral3")
	all := o["rope_scaling"].(object)
	all["rope_theta"], all["llama_4_scaling_beta"] = o["rope_theta"], float(c.Growth.Beta)
	delete(o, "rope_scaling")
	delete(o, "rope_theta")
	o["rope_parameters"] = all
}
