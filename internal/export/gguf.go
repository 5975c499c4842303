package export

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

const (
	maxLayers = 512 // LLAMA_MAX_LAYERS, llama-hparams.h
	ggufAlign = 32  // what checkpoint.WriteGGUF pads tensors to, in bytes
)

// planGGUF plans a file of the architecture that computes the model.
func (p *Plan) planGGUF(m Model, weights *cast) (err error) {
	p.Format = GGUF
	if p.Class, err = ggufArch(m.Config); err != nil {
		return err
	}
	p.Window = cutWindow(m.Config)
	if s := m.Config.Rope.Scaling; s != nil && s.Type == "dynamic" {
		p.Unscaled = ggufContext(m.Config)
	}
	if n := len(m.Config.Layers); n > maxLayers {
		return fmt.Errorf("llama.cpp reads at most %d layers, the model has %d; write a Hugging Face folder", maxLayers, n)
	}
	if !slices.Contains(m.Config.Family.GGUFArchs, p.Class) { // another architecture, which holds nothing fused
		weights.tensors = m.Config.Unfused()
	}
	weights.vectorsF32()
	kv, err := ggufKeys(m, p.Class, p.DType)
	if err != nil {
		return err
	}
	renamed, err := ggufNames(m.Config, weights, p.Class)
	if err != nil {
		return err
	}
	factors := ropeFactors(m.Config)
	infos := append(factors.Tensors(), ggufInfos(weights)...)
	read := func(name string) (tensor.Tensor, error) {
		if _, ok := factors[name]; ok {
			return factors.Read(name)
		}
		return renamed.Read(name)
	}
	write := func(w io.Writer, read checkpoint.ReadFunc) error { return checkpoint.WriteGGUF(w, kv, infos, read) }
	header, err := headerBytes(write)
	p.Files = []File{{filepath.Base(p.Path), header + dataBytes(infos, ggufAlign), func(w io.Writer) error { return write(w, read) }}}
	return err
}

// ggufArch is the architecture of llama.cpp that computes c. Of those that compute
// a Llama, with or without biases, only deci reads sizes layer by layer; qwen2 and phi3
// want heads that make up the hidden size; neither qwen2 nor qwen3 reads RoPE factors.
func ggufArch(c *model.Config) (string, error) {
	norms, scaled := c.Has(model.QNorm), ropeFactors(c) != nil
	square := c.Layers[0].Heads*c.HeadDim == c.HiddenSize
	switch {
	case c.Activation == model.GELU:
		return gemmaArch(c)
	case norms && !c.Uniform():
		return "", fmt.Errorf("llama.cpp has no architecture for norms of q and k in layers that differ; cut all layers alike (--uniform) or write a Hugging Face folder")
	case norms && scaled:
		return "", fmt.Errorf("llama.cpp has no architecture for norms of q and k with RoPE factors; write a Hugging Face folder")
	case norms:
		return "qwen3", nil
	case !c.Uniform():
		return "deci", nil
	case c.Family.Name == "qwen2" && square && !scaled, c.Family.Name == "phi3" && square:
		return c.Family.Name, nil
	}
	return "llama", nil
}

// OneSize says whether llama.cpp's architecture for models as c builds all layers from
// one size, so that a GGUF file can only hold layers that are alike.
func OneSize(c *model.Config) bool { return c.Has(model.QNorm) || c.Activation == model.GELU }

// cutWindow is the sliding window that the file has no place for: llama and deci know
// none and llama.cpp leaves out phi3's, but all compute the same up to its length.
func cutWindow(c *model.Config) int {
	if c.Has(model.PostAttnNorm) {
		return 0 // gemma2 has it
	}
	return c.Window()
}

// ggufContext is the context length of the file.
func ggufContext(c *model.Config) int {
	if w := cutWindow(c); w > 0 {
		return min(w, c.MaxPositions)
	}
	return c.MaxPositions
}

// ggufNames is the weights under GGUF names, q and k in GGUF's row order.
func ggufNames(cfg *model.Config, weights *cast, arch string) (checkpoint.Checkpoint, error) {
	names := map[string]checkpoint.Entry{}
	for _, t := range weights.tensors {
		p := t.Params[0] // what is fused has neither pairs nor an offset
		e := checkpoint.Entry{Name: t.Name, Add: cfg.GGUFOffset(p)}
		if heads := cfg.PairedHeads(p, arch); heads > 0 {
			e.Rows = checkpoint.RopePermute(heads, cfg.HeadDim) // llama.cpp rotates neighbours there
		}
		names[t.GGUF] = e
	}
	return checkpoint.Rename(weights, names)
}

// ggufInfos describes the same tensors in storage order.
func ggufInfos(weights *cast) []checkpoint.Info {
	infos := weights.infos()
	for i, t := range weights.tensors {
		infos[i].Name = t.GGUF
	}
	return infos
}

// ropeFactors is rope_freqs.weight, by which llama.cpp divides the angles, or the two
// tensors of LongRoPE; nil where there is none, or where metadata keys say the same
// (ropeKeys).
func ropeFactors(cfg *model.Config) checkpoint.Memory {
	switch s := cfg.Rope.Scaling; {
	case s == nil || s.Type == "linear" || s.Type == "dynamic" || keyedYarn(s):
		return nil
	case s.LongRope():
		return longRopeFactors(s)
	}
	return checkpoint.Memory{model.RopeFreqs: vector(cfg.Rope.Divisors(cfg.HeadDim))}
}
