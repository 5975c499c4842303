package export

import (
	"fmt"
	"slices"

	"moreau/internal/model"
)

// ggufTarget is an architecture of llama.cpp.
type ggufTarget struct {
	target
	cutsContext bool                                                   // sliding windows have no place; all is the same up to their length, and the context is cut to it
	keys        func(c *model.Config, add func(key string, value any)) // what only its files have; nil: nothing
}

// What metadata keys say of RoPE to every architecture; dynamic scaling begins beyond the
// context, so that files do without it.
var keyedRopes = model.FeaturesOf(model.LinearRope, model.DynamicRope, model.YarnRope)

// What tensors of factors say, to those that read them.
var factorRopes = keyedRopes | model.FeaturesOf(model.YarnRamp, model.Llama3Rope, model.LongRopes, model.FactorRope)

// What is no business of the architecture: files hold each projection by itself where it
// does, and cut the context to windows.
var (
	anyBiases  = model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases, model.SomeBiases)
	anyWindows = model.FeaturesOf(model.Windows, model.MixedWindows)
	llamas     = model.FeaturesOf(model.OwnHead, model.FusedTensors) | anyBiases | anyWindows | factorRopes
)

// ggufTargets is what is known of llama.cpp's architectures (src/models of its sources). Of those that
// compute a Llama, with or without biases, only deci builds each layer from its own sizes.
var ggufTargets = []*ggufTarget{
	{target: target{name: "llama", own: "llama", holds: llamas}, cutsContext: true},
	{target: target{name: "deci", own: "deci", holds: llamas | model.FeaturesOf(model.LayerSizes)}, cutsContext: true},
	{target: target{name: "qwen2", own: "qwen2", always: model.FeaturesOf(model.QKVBiases),
		holds: model.FeaturesOf(model.OwnHead) | anyWindows | keyedRopes, fits: squareAttention}, cutsContext: true},
	{target: target{name: "qwen3", own: "qwen3", always: model.FeaturesOf(model.HeadNorms),
		holds: model.FeaturesOf(model.OwnHead) | anyWindows | keyedRopes}, cutsContext: true},
	{target: target{name: "seed_oss", own: "seed_oss", holds: model.FeaturesOf(model.OwnHead, model.QKVBiases) | anyWindows | keyedRopes}, cutsContext: true},
	{target: target{name: "ernie4_5", own: "ernie4_5", holds: model.FeaturesOf(model.OwnHead, model.QKVBiases) | anyWindows | keyedRopes}, cutsContext: true},
	{target: target{name: "phi3", own: "phi3", always: model.FeaturesOf(model.FusedTensors),
		holds: model.FeaturesOf(model.OwnHead, model.PartialRotary) | anyWindows | factorRopes, fits: squareAttention}, cutsContext: true},
	{target: target{name: "gemma", own: "gemma", always: gemmas, holds: keyedRopes, fits: rootEmbedding}},
	{target: target{name: "gemma2", own: "gemma2", always: gemmas | gemma2s | model.FeaturesOf(model.CappedScores, model.CappedLogits),
		holds: keyedRopes | model.FeaturesOf(model.ScaledScores, model.Windows, model.MixedWindows), fits: gemma2Fits}, keys: gemma2Keys},
	{target: target{name: "gemma3", own: "gemma3", always: gemmas | gemma2s | model.FeaturesOf(model.HeadNorms),
		holds: gemma3s | model.FeaturesOf(model.LinearRope, model.DynamicRope), fits: gemma3FitsGGUF}, keys: gemma3Keys},
	{target: target{name: "granite", own: "granite", holds: ownHead | granites | anyBiases | anyWindows | factorRopes,
		fits: ownOr("granite", granites)}, cutsContext: true, keys: graniteKeys},
	{target: target{name: "smollm3", own: "smollm3", holds: ownHead | noRopes | keyedRopes, fits: everyFourthNoRope}},
	{target: target{name: "olmo2", own: "olmo2", always: ownHead | olmos, holds: olmo3s | keyedRopes, fits: both(squareAttention, olmo3Fits)}, keys: olmo2Keys},
	{target: target{name: "mistral3", own: "mistral3", always: growing | model.FeaturesOf(model.YarnRope), holds: ownHead | anyBiases | anyWindows | model.FeaturesOf(model.YarnRamp),
		fits: growthFits}, cutsContext: true, keys: mistral3Keys},
}

// squareAttention asks for heads that make up the hidden size.
func squareAttention(c *model.Config) string {
	if n := c.Layers[0].Heads * c.HeadDim; n != c.HiddenSize {
		return fmt.Sprintf("wants heads that make up the hidden size of %d, these make %d (--units channels keeps all)", c.HiddenSize, n)
	}
	return ""
}

// ggufFor is the architecture that c is written as.
func ggufFor(c *model.Config) (*ggufTarget, error) {
	t, why := choose(ggufTargets, c)
	if t != nil {
		return t, nil
	}
	other := ""
	if h, _ := choose(hfTargets, c); h != nil {
		other = "a Hugging Face folder"
	}
	return nil, refusal("llama.cpp's "+why, alikeRemedy(c), other)
}

// alikeRemedy is how to cut so that layers are alike and a GGUF file holds them, "" where none does then.
func alikeRemedy(c *model.Config) string {
	byHeads := func(a, b model.Layer) int { return a.Heads - b.Heads }
	if t, _ := choose(ggufTargets, alike(c, slices.MinFunc(c.Layers, byHeads))); t != nil {
		return "cut all layers alike (--uniform)"
	}
	if t, _ := choose(ggufTargets, alike(c, slices.MaxFunc(c.Layers, byHeads))); t != nil {
		return "cut all layers alike (--uniform), channels alone (--units channels)"
	}
	return ""
}

// alike is c with all layers of these sizes.
func alike(c *model.Config, sizes model.Layer) *model.Config {
	layers := slices.Clone(c.Layers)
	for i := range layers {
		layers[i].Heads, layers[i].KVHeads, layers[i].Intermediate = sizes.Heads, sizes.KVHeads, sizes.Intermediate
	}
	return c.WithLayers(layers)
}

// OneSize says whether llama.cpp's architectures for models as c build all layers from
// one size, so that a GGUF file can only hold layers that are alike.
func OneSize(c *model.Config) bool {
	return !anyHolds(ggufTargets, c.Features()|model.FeaturesOf(model.LayerSizes))
}
