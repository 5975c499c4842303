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
	maxLayers = 512 // LLAMA_MAX_LAYERS, llama-hparams.h
	ggufAlign = 32  // what checkpoint.WriteGGUF pads tensors to, in bytes
)

// ggufFile is how a model becomes a file: what its sizes, windows and RoPE are there.
type ggufFile struct {
	*ggufTarget
	*model.Config
	window  int               // to which the context is cut; 0: it is not
	context int               // length of it
	factors checkpoint.Memory // tensors that scale RoPE
}

// asGGUF decides all that depends on the architecture.
func asGGUF(c *model.Config) (*ggufFile, error) {
	t, err := ggufFor(c)
	if err != nil {
		return nil, err
	}
	if n := len(c.Layers); n > maxLayers {
		return nil, fmt.Errorf("llama.cpp reads at most %d layers, the model has %d; write a Hugging Face folder", maxLayers, n)
	}
	f := &ggufFile{t, c, 0, c.MaxPositions, ropeFactors(c)}
	if w := c.Window(); t.cutsContext && w > 0 && w < c.MaxPositions {
		f.window, f.context = w, w
	}
	return f, nil
}

// GGUFTensors are the matrices and vectors of the GGUF file that a model of this configuration is
// written as.
func GGUFTensors(c *model.Config) ([]model.Stored, error) {
	f, err := asGGUF(c)
	if err != nil {
		return nil, err
	}
	return f.StoredIn(f.name), nil
}

// planGGUF plans a file of the architecture that computes the model.
func (p *Plan) planGGUF(m Model, weights *cast) error {
	f, err := asGGUF(m.Config)
	if err != nil {
		return err
	}
	p.Format, p.Class, p.Window = GGUF, f.name, f.window
	if f.Features().Has(model.DynamicRope) {
		p.Unscaled = f.context
	}
	weights.tensors = f.StoredIn(f.name)
	weights.vectorsF32()
	kv, err := f.allKeys(m, p.DType)
	if err != nil {
		return err
	}
	renamed, err := f.renamed(weights)
	if err != nil {
		return err
	}
	infos := append(f.factors.Tensors(), ggufInfos(weights)...)
	read := func(name string) (tensor.Tensor, error) {
		if _, ok := f.factors[name]; ok {
			return f.factors.Read(name)
		}
		return renamed.Read(name)
	}
	write := func(w io.Writer, read checkpoint.ReadFunc) error { return checkpoint.WriteGGUF(w, kv, infos, read) }
	header, err := headerBytes(write)
	p.Files = []File{{filepath.Base(p.Path), header + dataBytes(infos, ggufAlign), func(w io.Writer) error { return write(w, read) }}}
	return err
}

// renamed is the weights under GGUF names, q and k in GGUF's row order.
func (f *ggufFile) renamed(weights *cast) (checkpoint.Checkpoint, error) {
	names := map[string]checkpoint.Entry{}
	for _, t := range weights.tensors {
		p := t.Params[0] // what is fused has neither pairs nor an offset
		e := checkpoint.Entry{Name: t.Name, Add: f.GGUFOffset(p)}
		if heads := f.PairedHeads(p, f.name); heads > 0 {
			e.Rows = checkpoint.RopePermute(heads, f.HeadDim) // llama.cpp rotates neighbours there
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
