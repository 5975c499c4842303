package export

import (
	"fmt"
	"io"
	"path/filepath"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

const (
	ropeFreqs = "rope_freqs.weight"
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
	infos := append(factors.Tensors(), ggufInfos(m.Config, weights)...)
	read := func(name string) (tensor.Tensor, error) {
		if name == ropeFreqs {
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
// a Llama, with or without biases, only deci reads sizes layer by layer; qwen2 wants
// heads that divide the hidden size, and neither it nor qwen3 reads RoPE factors.
func ggufArch(c *model.Config) (string, error) {
	norms, scaled := c.Has(model.QNorm), ropeFactors(c) != nil
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
	case c.Family.Name == "qwen2" && c.Layers[0].Heads*c.HeadDim == c.HiddenSize && !scaled:
		return "qwen2", nil
	}
	return "llama", nil
}

// cutWindow is the sliding window that the file has no place for: llama and deci know
// none, but compute the same up to its length.
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
	for _, p := range weights.params {
		names[cfg.Family.GGUFName(p)] = checkpoint.Entry{Name: p.Name, Rows: ropeRows(cfg, p, arch), Add: cfg.GGUFOffset(p)}
	}
	return checkpoint.Rename(weights, names)
}

// ggufInfos describes the same tensors in storage order.
func ggufInfos(cfg *model.Config, weights *cast) []checkpoint.Info {
	infos := weights.infos()
	for i, p := range weights.params {
		infos[i].Name = cfg.Family.GGUFName(p)
	}
	return infos
}

// ropeRows is the row order in which llama.cpp rotates neighbours, each layer by
// its own head counts; nil where arch keeps that of Hugging Face.
func ropeRows(cfg *model.Config, p model.Param, arch string) []int {
	if !model.PairedRows(arch) {
		return nil
	}
	switch p.Role {
	case model.Q, model.QBias:
		return checkpoint.RopePermute(cfg.Layers[p.Layer].Heads, cfg.HeadDim)
	case model.K, model.KBias:
		return checkpoint.RopePermute(cfg.Layers[p.Layer].KVHeads, cfg.HeadDim)
	}
	return nil
}

// ropeFactors is rope_freqs.weight, by which llama.cpp divides the angles; nil
// where there is none, or where metadata keys say the same (ropeKeys).
func ropeFactors(cfg *model.Config) checkpoint.Memory {
	if s := cfg.Rope.Scaling; s == nil || s.Type == "linear" || s.Type == "dynamic" || keyedYarn(s) {
		return nil
	}
	divisors := cfg.Rope.Divisors(cfg.HeadDim)
	factors := make([]float32, len(divisors))
	for i, d := range divisors {
		factors[i] = float32(d)
	}
	return checkpoint.Memory{ropeFreqs: tensor.FromFloat32(tensor.F32, []int{len(factors)}, factors)}
}
