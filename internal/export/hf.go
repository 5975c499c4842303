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
// transformers builds such a Llama.
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
	class := hfClass(m)
	p.Class, p.Remote = class.causal, class.remote
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
		files = append(files, remoteFiles()...)
	}
	carried, err := carriedFiles(m)
	if err != nil {
		return err
	}
	p.Files = append(files, carried...)
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// hfArch is a class of transformers.
type hfArch struct {
	modelType, causal string
	remote            bool
}

var (
	llamaArch   = hfArch{"llama", "LlamaForCausalLM", false}
	mistralArch = hfArch{"mistral", "MistralForCausalLM", false}
	prunedArch  = hfArch{"pruned_llama", "PrunedLlamaForCausalLM", true}
)

// hfClass picks the class. Mistral without a sliding window computes what Llama
// does; it stands in where the hidden size is no multiple of the heads, which
// LlamaConfig.validate_architecture refuses since transformers 5.4.
func hfClass(m Model) hfArch {
	switch {
	case !m.Config.Uniform():
		return prunedArch
	case sourceType(m) == mistralArch.modelType || m.Config.HiddenSize%m.Config.Layers[0].Heads != 0:
		return mistralArch
	}
	return llamaArch
}

func remoteFiles() []File {
	var files []File
	for _, name := range []string{"configuration_pruned_llama.py", "modeling_pruned_llama.py"} {
		data, err := remote.ReadFile("remote/" + name)
		if err != nil {
			panic("export: " + err.Error()) // it is embedded
		}
		files = append(files, contents(name, data))
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

// globalSizes are sizes for the fields of pruned_llama that stand for all
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
	for c.HiddenSize%most.Heads != 0 {
		if most.Heads > c.HiddenSize {
			return model.Layer{Heads: 1, KVHeads: 1, Intermediate: most.Intermediate}
		}
		most.Heads, most.KVHeads = most.Heads+group, most.KVHeads+1
	}
	return most
}
