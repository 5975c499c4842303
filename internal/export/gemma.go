package export

import (
	"fmt"
	"math"

	"moreau/internal/model"
)

// What every Gemma computes, and what a Gemma 2 does beyond that.
var (
	gemmas  = model.FeaturesOf(model.GELUGates, model.OffsetNorms, model.ScaledEmbedding)
	gemma2s = model.FeaturesOf(model.PostNorms)
)

// rootEmbedding: the factor of the embedding follows from the hidden size.
func rootEmbedding(c *model.Config) string {
	if root := float32(math.Sqrt(float64(c.HiddenSize))); c.EmbeddingScale != root {
		return fmt.Sprintf("multiplies the embedding by %g, this model by %g", root, c.EmbeddingScale)
	}
	return ""
}

// gemma2Fits: llama.cpp's gemma2 alternates windows and takes the scale of scores from the sizes.
func gemma2Fits(c *model.Config) string {
	switch n := c.Gemma2QueryScalar(); {
	case evenWindow(c) == 0:
		return "has a sliding window in even layers and none in odd ones, this model otherwise"
	case queryScalar(c) != n:
		return fmt.Sprintf("divides scores by the root of %d in models of these sizes, this one by that of %d", n, queryScalar(c))
	}
	return rootEmbedding(c)
}

// evenWindow is the window of the even layers where the others see all keys; 0 where windows
// are otherwise.
func evenWindow(c *model.Config) int {
	for i, l := range c.Layers {
		if want := [...]int{c.Layers[0].Window, 0}[i%2]; l.Window != want {
			return 0
		}
	}
	return c.Layers[0].Window
}

// queryScalar is the number by whose root scores are divided.
func queryScalar(c *model.Config) int {
	if c.ScoreScale == 0 {
		return c.HeadDim
	}
	return int(math.Round(1 / (c.ScoreScale * c.ScoreScale)))
}

// gemma2Keys are what a gemma2 file has beyond others.
func gemma2Keys(c *model.Config, add func(key string, value any)) {
	add("attention.sliding_window", uint32(evenWindow(c)))
	add("attn_logit_softcapping", c.ScoreCap)
	add("final_logit_softcapping", c.LogitCap)
}

// gemmaConfig: GemmaConfig reads hidden_act, Gemma2Config hidden_activation.
func gemmaConfig(o object, c *model.Config, _ bool) {
	o["hidden_activation"] = c.Activation.String()
}

func gemma2Config(o object, c *model.Config, remote bool) {
	gemmaConfig(o, c, remote)
	layerTypes(o, c)
	o["query_pre_attn_scalar"] = queryScalar(c)
	for key, cap := range map[string]float32{"attn_logit_softcapping": c.ScoreCap, "final_logit_softcapping": c.LogitCap} {
		o[key] = nil
		if cap > 0 {
			o[key] = float(cap)
		}
	}
}

// layerTypes says which layers have the window.
func layerTypes(o object, c *model.Config) {
	types := make([]string, len(c.Layers))
	for i, l := range c.Layers {
		types[i] = model.FullLayer
		if l.Window > 0 {
			types[i] = model.SlidingLayer
		}
	}
	o["layer_types"] = types
	if w := c.Window(); w > 0 {
		o["sliding_window"] = w
	}
}
