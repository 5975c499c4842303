package export

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
)

// remote is the Python code of a folder whose layers differ: no class of
// transformers builds such a Llama. With another class's name for Llama's it
// builds such a model of that class.
//
//go:embed remote/*.py
var remote embed.FS

// planHF plans a folder of a stock class, or one with its own code where layers differ.
func (p *Plan) planHF(m Model, weights *cast, shardBytes int64) error {
	p.Format = HF
	if p.DType.Quantized() {
		return fmt.Errorf("a Hugging Face folder does not hold %s blocks; write a .gguf file, or choose f32, f16 or bf16", p.DType)
	}
	t, err := hfFor(m.Config)
	if err != nil {
		return err
	}
	p.Class, p.Remote = t.name, t.code
	if t.class.paired {
		if err := weights.pair(m.Config); err != nil {
			return err
		}
	}
	files, err := shards(weights, shardBytes)
	if err != nil {
		return err
	}
	config, err := hfConfig(m, t, p.DType)
	if err != nil {
		return err
	}
	files = append(files, contents("config.json", config))
	if t.code {
		files = append(files, remoteFiles(t.class)...)
	}
	carried, err := carriedFiles(m)
	if err != nil {
		return err
	}
	p.Files = append(files, carried...)
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// remoteFiles is our own code over a class.
func remoteFiles(k *hfClass) []File {
	var files []File
	names := strings.NewReplacer("LlamaForCausalLM", k.name+"ForCausalLM", "Llama", k.inner(), "llama", k.modelType)
	for _, name := range []string{"configuration_pruned_llama.py", "modeling_pruned_llama.py"} {
		data, err := remote.ReadFile("remote/" + name)
		if err != nil {
			panic("export: " + err.Error()) // it is embedded
		}
		files = append(files, contents(names.Replace(name), []byte(names.Replace(string(data)))))
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
