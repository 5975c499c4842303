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

// planGGUF plans a file of architecture llama, or deci where layers differ: of
// llama.cpp's architectures that compute a Llama, only deci reads sizes layer by layer.
func (p *Plan) planGGUF(m Model, weights *cast) error {
	p.Format, p.Class = GGUF, "llama"
	if !m.Config.Uniform() {
		p.Class = "deci"
	}
	if n := len(m.Config.Layers); n > maxLayers {
		return fmt.Errorf("llama.cpp reads at most %d layers, the model has %d; write a Hugging Face folder", maxLayers, n)
	}
	weights.vectorsF32()
	kv, err := ggufKeys(m, p.Class, p.DType)
	if err != nil {
		return err
	}
	renamed, err := ggufNames(m.Config, weights)
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

// ggufNames is the weights under GGUF names, q and k in GGUF's row order.
func ggufNames(cfg *model.Config, weights *cast) (checkpoint.Checkpoint, error) {
	names := map[string]checkpoint.Entry{}
	for _, p := range weights.params {
		names[cfg.Family.GGUFName(p)] = checkpoint.Entry{Name: p.Name, Rows: ropeRows(cfg, p)}
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

// ropeRows is the row order in which llama.cpp rotates neighbours; each layer has its own head counts.
func ropeRows(cfg *model.Config, p model.Param) []int {
	switch p.Role {
	case model.Q:
		return checkpoint.RopePermute(cfg.Layers[p.Layer].Heads, cfg.HeadDim)
	case model.K:
		return checkpoint.RopePermute(cfg.Layers[p.Layer].KVHeads, cfg.HeadDim)
	}
	return nil
}

// ropeFactors is rope_freqs.weight, by which llama.cpp divides the angles;
// linear scaling has metadata keys instead.
func ropeFactors(cfg *model.Config) checkpoint.Memory {
	if cfg.Rope.Scaling == nil || cfg.Rope.Scaling.Type == "linear" {
		return nil
	}
	divisors := cfg.Rope.Divisors(cfg.HeadDim)
	factors := make([]float32, len(divisors))
	for i, d := range divisors {
		factors[i] = float32(d)
	}
	return checkpoint.Memory{ropeFreqs: tensor.FromFloat32(tensor.F32, []int{len(factors)}, factors)}
}
