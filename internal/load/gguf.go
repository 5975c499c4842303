package load

import (
	"fmt"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
)

func openGGUF(path string) (*Model, error) {
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		return nil, err
	}
	m, err := fromGGUF(path, g)
	if err != nil {
		g.Close()
		return nil, fmt.Errorf("%s: %w: %w", path, ErrModel, err)
	}
	return m, nil
}

// fromGGUF gives a GGUF file its Hugging Face names and layout (docs/formats/gguf.md).
func fromGGUF(path string, g *checkpoint.GGUF) (*Model, error) {
	infos := byName(g)
	embed, ok := infos["token_embd.weight"]
	if !ok || len(embed.Shape) != 2 {
		return nil, fmt.Errorf("no token_embd.weight: the file holds no whole model")
	}
	rope, err := ropeTensors(g, infos)
	if err != nil {
		return nil, err
	}
	has := func(tensor string) bool { _, ok := infos[tensor]; return ok }
	cfg, err := model.FromGGUF(g, has, embed.Shape[0], rope)
	if err != nil {
		return nil, err
	}
	names, err := ggufNames(cfg, g, infos)
	if err != nil {
		return nil, err
	}
	if err := onlyKnown(cfg, g.Tensors()); err != nil {
		return nil, err
	}
	if err := sameShapes(cfg, func(s model.Stored) checkpoint.Info { return infos[s.GGUF] }); err != nil {
		return nil, err
	}
	renamed, err := checkpoint.Rename(g, names)
	if err != nil {
		return nil, err
	}
	weights, err := unfuse(cfg, renamed)
	if err != nil {
		return nil, err
	}
	vocab := func() (*tokenizer.Vocab, error) {
		v, err := tokenizer.FromGGUF(g.KV())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return v, nil
	}
	return &Model{Path: path, Format: GGUF, Config: cfg, Weights: weights, Vocab: vocab}, nil
}

// ggufNames says which tensor of the file each of cfg's stored tensors is, and undoes the
// row order of q and k that the llama architectures have there, and what is added to norms.
func ggufNames(cfg *model.Config, g *checkpoint.GGUF, infos map[string]checkpoint.Info) (map[string]checkpoint.Entry, error) {
	arch, _ := g.String("general.architecture")
	names := map[string]checkpoint.Entry{}
	for _, s := range cfg.Stored() {
		if _, ok := infos[s.GGUF]; !ok {
			return nil, fmt.Errorf("tensor %s is missing; the file is not complete, download or convert it again", s.GGUF)
		}
		p := s.Params[0] // what is fused has neither pairs nor an offset
		e := checkpoint.Entry{Name: s.GGUF, Add: -cfg.GGUFOffset(p)}
		if heads := cfg.PairedHeads(p, arch); heads > 0 {
			e.Rows = checkpoint.RopeUnpermute(heads, cfg.HeadDim)
		}
		names[s.Name] = e
	}
	return names, nil
}

// ropeTensors reads what pairs' angles are divided by.
func ropeTensors(g *checkpoint.GGUF, infos map[string]checkpoint.Info) (model.RopeTensors, error) {
	var r model.RopeTensors
	for _, x := range []struct {
		name string
		to   *[]float64
	}{{model.RopeFreqs, &r.Freqs}, {model.RopeShort, &r.Short}, {model.RopeLong, &r.Long}} {
		if _, ok := infos[x.name]; !ok {
			continue
		}
		t, err := g.Read(x.name)
		if err != nil {
			return r, err
		}
		for _, f := range t.Float32() {
			*x.to = append(*x.to, float64(f))
		}
	}
	return r, nil
}

// onlyKnown refuses tensors that would change what the model computes, such as
// biases and experts, instead of leaving them out.
func onlyKnown(cfg *model.Config, infos []checkpoint.Info) error {
	known := map[string]bool{model.RopeFreqs: true, model.RopeShort: true, model.RopeLong: true}
	for _, s := range cfg.Stored() {
		known[s.GGUF] = true
	}
	for _, i := range infos {
		if !known[i.Name] {
			return fmt.Errorf("tensor %s has no place in family %s; a model that needs it is not supported", i.Name, cfg.Family.Name)
		}
	}
	return nil
}
