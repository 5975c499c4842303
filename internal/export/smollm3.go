package export

import "moreau/internal/model"

var noRopes = model.FeaturesOf(model.NoRopes)

// everyFourthNoRope: llama.cpp's smollm3 takes the positions of every fourth layer, and has no key for it.
func everyFourthNoRope(c *model.Config) string {
	for i, l := range c.Layers {
		if (l.Positions == model.NoRope) != ((i+1)%4 == 0) {
			return "has no positions in every fourth layer, this model otherwise"
		}
	}
	return ""
}

func smollm3Config(o object, c *model.Config, _ bool) {
	turns := make([]int, len(c.Layers))
	for i, l := range c.Layers {
		if l.Positions != model.NoRope {
			turns[i] = 1
		}
	}
	o["no_rope_layers"] = turns
	layerTypes(o, c)
}
