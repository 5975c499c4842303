package export

import (
	"fmt"

	"moreau/internal/model"
)

// gemmaArch is the architecture of llama.cpp that computes c, a Gemma. Both build every
// layer from the sizes of the first and read no RoPE factors; gemma2 alternates windows,
// caps scores and logits always, and takes QueryScalar from the sizes.
func gemmaArch(c *model.Config) (string, error) {
	const folder = "write a Hugging Face folder"
	if !c.Uniform() {
		return "", fmt.Errorf("llama.cpp has no architecture for a Gemma whose layers differ; cut all layers alike (--uniform) or %s", folder)
	}
	if ropeFactors(c) != nil {
		return "", fmt.Errorf("llama.cpp has no architecture for a Gemma with RoPE factors; %s", folder)
	}
	if !c.Has(model.PostAttnNorm) {
		return "gemma", nil
	}
	switch {
	case c.AlternatingWindow() == 0:
		return "", fmt.Errorf("llama.cpp's gemma2 has a sliding window in even layers and none in odd ones, this model otherwise; %s", folder)
	case c.ScoreCap == 0 || c.LogitCap == 0:
		return "", fmt.Errorf("llama.cpp's gemma2 caps scores and logits, this model does not; %s", folder)
	case c.QueryScalar() != c.GGUFQueryScalar():
		return "", fmt.Errorf("llama.cpp's gemma2 of these sizes divides scores by the root of %d, this model by that of %d; %s", c.GGUFQueryScalar(), c.QueryScalar(), folder)
	}
	return "gemma2", nil
}

// gemma2Keys are what a gemma2 file has beyond others.
func gemma2Keys(c *model.Config, add func(key string, value any)) {
	add("attention.sliding_window", uint32(c.AlternatingWindow()))
	add("attn_logit_softcapping", c.ScoreCap)
	add("final_logit_softcapping", c.LogitCap)
}

// gemma writes what config.json of a Gemma has beyond a Llama's. GemmaConfig reads
// hidden_act, Gemma2Config hidden_activation.
func gemma(o object, c *model.Config) {
	o["hidden_activation"] = c.Activation.String()
	if !c.Has(model.PostAttnNorm) {
		return
	}
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
	o["query_pre_attn_scalar"] = c.QueryScalar()
	for key, cap := range map[string]float32{"attn_logit_softcapping": c.ScoreCap, "final_logit_softcapping": c.LogitCap} {
		o[key] = nil
		if cap > 0 {
			o[key] = float(cap)
		}
	}
}
