package export

import (
	"cmp"

	"moreau/internal/model"
)

// What a Granite computes beyond a Llama.
var granites = model.FeaturesOf(model.ScaledEmbedding, model.ScaledResidual, model.ScaledScores, model.DividedLogits)

func graniteKeys(c *model.Config, add func(key string, value any)) {
	add("embedding_scale", cmp.Or(c.EmbeddingScale, 1))
	add("residual_scale", cmp.Or(c.ResidualScale, 1))
	add("attention.scale", c.AttentionScale())
	add("logit_scale", cmp.Or(c.LogitDivisor, 1))
}

func graniteConfig(o object, c *model.Config, _ bool) {
	o["embedding_multiplier"] = float(cmp.Or(c.EmbeddingScale, 1))
	o["residual_multiplier"] = float(cmp.Or(c.ResidualScale, 1))
	o["attention_multiplier"] = float(cmp.Or(c.ScoreScale, float64(c.AttentionScale())))
	o["logits_scaling"] = float(cmp.Or(c.LogitDivisor, 1))
}
