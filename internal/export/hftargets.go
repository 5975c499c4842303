package export

import (
	"cmp"
	"fmt"

	"moreau/internal/model"
)

// hfClass is a class of transformers.
type hfClass struct {
	name      string // as class names spell it: "Llama" of LlamaForCausalLM
	text      string // as those of its configuration and of the model without a head spell it, where otherwise
	modelType string // config.json's
	always    model.Features
	holds     model.Features
	sizes     func(c *model.Config) string                 // what it wants of sizes, and our own code over it does not; nil: nothing
	fits      func(c *model.Config) string                 // what both want; nil: nothing
	paired    bool                                         // rows of q and k have the halves of each rotated pair side by side
	config    func(o object, c *model.Config, remote bool) // what config.json has beyond a Llama's; nil: nothing
}

// Scalings of RoPE that config.json has a place for.
var configRopes = model.FeaturesOf(model.LinearRope, model.DynamicRope, model.YarnRope, model.YarnRamp, model.Llama3Rope, model.LongRopes)

var ownHead = model.FeaturesOf(model.OwnHead)

// hfClasses is what is known of transformers' classes. A Mistral without a sliding window computes
// what a Llama does; it stands in where the hidden size is no multiple of the heads, which
// LlamaConfig.validate_architecture refuses since transformers 5.4.
var hfClasses = []hfClass{
	{name: "Llama", modelType: "llama", sizes: dividingHeads, fits: llamaBiases,
		holds: ownHead | configRopes | model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases)},
	{name: "Mistral", modelType: "mistral", config: mistralConfig,
		holds: ownHead | configRopes | model.FeaturesOf(model.Windows)},
	{name: "Qwen2", modelType: "qwen2", always: model.FeaturesOf(model.QKVBiases), fits: oneWindow, config: qwenConfig,
		holds: ownHead | configRopes | anyWindows},
	{name: "Qwen3", modelType: "qwen3", always: model.FeaturesOf(model.HeadNorms), fits: oneWindow, config: qwenConfig,
		holds: ownHead | configRopes | anyWindows},
	{name: "SeedOss", modelType: "seed_oss", fits: ownOr("seed_oss", 0), config: seedOssConfig,
		holds: ownHead | configRopes | model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases)},
	{name: "Ernie4_5", modelType: "ernie4_5", paired: true, fits: both(ownOr("ernie4_5", 0), ernieBiases), config: ernieConfig,
		holds: ownHead | configRopes | model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases)},
	{name: "Olmo2", modelType: "olmo2", always: olmos, holds: ownHead | configRopes},
	{name: "Olmo3", modelType: "olmo3", always: olmos, fits: both(ownOr("olmo3", olmo3s), olmo3Fits), config: olmo3Config,
		holds: ownHead | configRopes | olmo3s},
	{name: "Ministral3", modelType: "ministral3", always: growing | model.FeaturesOf(model.YarnRope), fits: growthFits, config: ministral3Config,
		holds: ownHead | model.FeaturesOf(model.YarnRamp, model.Windows)},
	{name: "Phi3", modelType: "phi3", always: model.FeaturesOf(model.FusedTensors), sizes: phi3Sizes, fits: phi3Fits, config: phi3Config,
		holds: ownHead | model.FeaturesOf(model.Windows, model.LongRopes, model.PartialRotary)},
	{name: "Gemma", modelType: "gemma", always: gemmas, fits: rootEmbedding, config: gemmaConfig,
		holds: configRopes},
	{name: "Gemma2", modelType: "gemma2", always: gemmas | gemma2s, sizes: dividingHeads, fits: rootEmbedding, config: gemma2Config,
		holds: configRopes | model.FeaturesOf(model.CappedScores, model.CappedLogits, model.ScaledScores, model.Windows, model.MixedWindows)},
	{name: "Gemma3", text: "Gemma3Text", modelType: "gemma3_text", always: gemmas | gemma2s | model.FeaturesOf(model.HeadNorms), sizes: dividingHeads,
		fits: gemma3Fits, config: gemma3Config, holds: gemma3s | configRopes},
	{name: "Granite", modelType: "granite", fits: both(ownOr("granite", granites), llamaBiases), config: graniteConfig,
		holds: ownHead | configRopes | granites | model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases)},
	{name: "SmolLM3", modelType: "smollm3", fits: both(ownOr("smollm3", noRopes), llamaBiases), config: smollm3Config,
		holds: ownHead | configRopes | noRopes | model.FeaturesOf(model.QKVBiases, model.OBiases, model.MLPBiases)},
}

// inner is the name of the configuration and of the model without a head, less Config and Model.
func (k *hfClass) inner() string { return cmp.Or(k.text, k.name) }

// hfTarget is a class, or our own code over it.
type hfTarget struct {
	target
	class *hfClass
}

// hfTargets is the stock classes, and then our own code over each, which alone has sizes
// layer by layer.
var hfTargets = func() []*hfTarget {
	var stock, remote []*hfTarget
	for i := range hfClasses {
		k := &hfClasses[i]
		t := target{name: k.name + "ForCausalLM", own: k.modelType, always: k.always, holds: k.holds, fits: both(k.sizes, k.fits)}
		stock = append(stock, &hfTarget{t, k})
		t.name, t.code, t.holds, t.fits = "Pruned"+t.name, true, t.holds|model.FeaturesOf(model.LayerSizes), k.fits
		remote = append(remote, &hfTarget{t, k})
	}
	return append(stock, remote...)
}()

// both asks for one thing and, where c has it, for another; either may be nil.
func both(first, second func(c *model.Config) string) func(c *model.Config) string {
	return func(c *model.Config) string {
		for _, f := range []func(c *model.Config) string{first, second} {
			if f == nil {
				continue
			}
			if wants := f(c); wants != "" {
				return wants
			}
		}
		return ""
	}
}

func dividingHeads(c *model.Config) string {
	if n := c.Layers[0].Heads; c.HiddenSize%n != 0 {
		return fmt.Sprintf("wants heads that divide the hidden size of %d, these are %d", c.HiddenSize, n)
	}
	return ""
}

// llamaBiases: attention_bias stands for all four of attention.
func llamaBiases(c *model.Config) string {
	if c.Has(model.QBias) != c.Has(model.OBias) {
		return "has biases in all of q, k, v and o or in none"
	}
	return ""
}

// hfFor is the class that c is written as.
func hfFor(c *model.Config) (*hfTarget, error) {
	t, why := choose(hfTargets, c)
	if t != nil {
		return t, nil
	}
	other := ""
	if g, _ := choose(ggufTargets, c); g != nil {
		other = "a .gguf file"
	}
	return nil, refusal(why, "", other)
}

// OwnCode says whether a folder of c brings Python code of its own, which users
// run by trust_remote_code=True.
func OwnCode(c *model.Config) bool {
	t, _ := choose(hfTargets, c)
	return t != nil && t.code
}
