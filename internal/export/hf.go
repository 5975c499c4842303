package export

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"moreau/internal/model"
)

// remote is the Python code of a folder whose layers differ: no class of
// transformers builds such a Llama. With another family's name for Llama's it
// builds such a model of that family.
//
//go:embed remote/*.py
var remote embed.FS

// planHF plans a folder of a stock class, or one with its own code where layers differ.
func (p *Plan) planHF(m Model, weights *cast, shardBytes int64) error {
	p.Format = HF
	if p.DType.Quantized() {
		return fmt.Errorf("a Hugging Face folder does not hold %s blocks; write a .gguf file, or choose f32, f16 or bf16", p.DType)
	}
	if s := m.Config.Rope.Scaling; s != nil && s.Type == "factors" {
		return fmt.Errorf("config.json has no place for the model's own RoPE factors; write a .gguf file")
	}
	class, err := hfClass(m.Config)
	if err != nil {
		return err
	}
	p.Class, p.Remote = class.causal(), class.remote
	files, err := shards(weights, shardBytes)
	if err != nil {
		return err
	}
	config, err := hfConfig(m, class, p.DType)
	if err != nil {
		return err
	}
	files = append(files, contents("config.json", config))
	if class.remote {
		files = append(files, remoteFiles(class)...)
	}
	carried, err := carriedFiles(m)
	if err != nil {
		return err
	}
	p.Files = append(files, carried...)
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// hfArch is a class of transformers, or one of our own over it.
type hfArch struct {
	base   string // its family, as class names spell it: "Llama"
	remote bool
}

// modelType is config.json's: "llama", "pruned_llama".
func (a hfArch) modelType() string {
	if a.remote {
		return "pruned_" + strings.ToLower(a.base)
	}
	return strings.ToLower(a.base)
}

// causal is the name of the class.
func (a hfArch) causal() string {
	if a.remote {
		return "Pruned" + a.base + "ForCausalLM"
	}
	return a.base + "ForCausalLM"
}

// hfClass picks the class: our own where layers differ. Mistral without a sliding
// window computes what Llama does; it stands in where the hidden size is no
// multiple of the heads, which LlamaConfig.validate_architecture refuses since
// transformers 5.4, and which our own class gets around where there are biases.
// Gemma2Config refuses the same. So does our class for a Phi-3 with LongRoPE, whose
// Phi3Config wants as many factors as follow from the heads and the hidden size.
func hfClass(c *model.Config) (hfArch, error) {
	base, err := hfBase(c)
	a := hfArch{base, !c.Uniform()}
	if base == "Phi3" && c.Rope.Scaling.LongRope() {
		a.remote = a.remote || c.Layers[0].Heads*c.HeadDim != c.HiddenSize
		if c.HiddenSize%c.HeadDim != 0 {
			return a, fmt.Errorf("Phi3Config has no place for LongRoPE with a head size of %d and a hidden size of %d; write a .gguf file", c.HeadDim, c.HiddenSize)
		}
	}
	if base == "Llama" && !a.remote {
		divides := c.HiddenSize%c.Layers[0].Heads == 0
		switch {
		case c.Biases() != 0:
			a.remote = !divides
		case c.Family.Name == "mistral" || !divides:
			a.base = "Mistral"
		}
	}
	if base == "Gemma2" && c.HiddenSize%c.Layers[0].Heads != 0 {
		a.remote = true
	}
	return a, err
}

// OwnCode says whether a folder of c brings Python code of its own, which users
// run by trust_remote_code=True.
func OwnCode(c *model.Config) bool {
	a, err := hfClass(c)
	return err == nil && a.remote
}

// hfBase is the family of transformers that computes a layer of c.
func hfBase(c *model.Config) (string, error) {
	inputs := model.RolesOf(model.QBias, model.KBias, model.VBias)
	attention, biases := inputs|model.RolesOf(model.OBias), c.Biases()
	switch {
	case c.Has(model.PostAttnNorm):
		return "Gemma2", nil
	case c.Activation == model.GELU:
		return "Gemma", nil
	case c.Family.Fuses():
		return "Phi3", nil
	case c.Has(model.QNorm):
		return "Qwen3", nil
	case c.Window() > 0:
		return "Mistral", nil
	case biases == inputs:
		return "Qwen2", nil
	case biases == 0, biases == attention, biases == model.Biases, biases == model.Biases&^attention:
		return "Llama", nil
	}
	return "", fmt.Errorf("no class of transformers has biases in just these projections; write a .gguf file")
}

// remoteFiles is the code of our own class over that of a family.
func remoteFiles(a hfArch) []File {
	var files []File
	family := strings.NewReplacer("Llama", a.base, "llama", strings.ToLower(a.base))
	for _, name := range []string{"configuration_pruned_llama.py", "modeling_pruned_llama.py"} {
		data, err := remote.ReadFile("remote/" + name)
		if err != nil {
			panic("export: " + err.Error()) // it is embedded
		}
		files = append(files, contents(family.Replace(name), []byte(family.Replace(string(data)))))
	}
	return files
}

// contents is a file that is in memory.
func contents(name string, data []byte) File {
	return File{name, int64(len(data)), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	}}
}

// globalSizes are sizes for the fields of pruned_* models that stand for all
// layers, which LlamaConfig checks: the largest layer's, with more KV groups
// until the heads divide the hidden size (one head always does).
func globalSizes(c *model.Config) model.Layer {
	most := c.Layers[0]
	for _, l := range c.Layers {
		if l.Heads > most.Heads {
			most.Heads, most.KVHeads = l.Heads, l.KVHeads
		}
		most.Intermediate = max(most.Intermediate, l.Intermediate)
	}
	group := most.Group()
	if c.Family.Fuses() && c.Rope.Scaling.LongRope() {
		heads := c.HiddenSize / c.HeadDim
		return model.Layer{Heads: heads, KVHeads: max(1, heads/group), Intermediate: most.Intermediate}
	}
	for c.HiddenSize%most.Heads != 0 {
		if most.Heads > c.HiddenSize {
			return model.Layer{Heads: 1, KVHeads: 1, Intermediate: most.Intermediate}
		}
		most.Heads, most.KVHeads = most.Heads+group, most.KVHeads+1
	}
	return most
}
