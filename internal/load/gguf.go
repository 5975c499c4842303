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
		return nil, fmt.Errorf("%s: %w: %v", path, ErrModel, err)
	}
	return m, nil
}

// fromGGUF gives a GGUF file its Hugging Face names and undoes the row order of
// q and k that the llama architectures have there (docs/formats/gguf.md).
func fromGGUF(path string, g *checkpoint.GGUF) (*Model, error) {
	infos := map[string]checkpoint.Info{}
	for _, i := range g.Tensors() {
		infos[i.Name] = i
	}
	embed, ok := infos["token_embd.weight"]
	if !ok || len(embed.Shape) != 2 {
		return nil, fmt.Errorf("no token_embd.weight: the file holds no whole model")
	}
	factors, err := ropeTensors(g, infos)
	if err != nil {
		return nil, err
	}
	has := func(tensor string) bool { _, ok := infos[tensor]; return ok }
	cfg, err := model.FromGGUF(g, has, embed.Shape[0], factors)
	if err != nil {
		return nil, err
	}
	arch, _ := g.String("general.architecture")
	names := map[string]checkpoint.Entry{}
	for _, s := range cfg.Stored() {
		if _, ok := infos[s.GGUF]; !ok {
			return nil, fmt.Errorf("tensor %s is missing; the file is not complete, download or convert it again", s.GGUF)
		}
		p := s.Params[0] // what is fused has neither rows nor an offset
		names[s.Name] = checkpoint.Entry{Name: s.GGUF, Rows: ropeRows(cfg, p, arch), Add: -cfg.GGUFOffset(p)}
	}
	if err := onlyKnown(cfg, infos); err != nil {
		return nil, err
	}
	if err := sameShapes(cfg, func(s model.Stored) checkpoint.Info { return infos[s.GGUF] }); err != nil {
		return nil, err
	}
	renamed, err := checkpoint.Rename(g, names)
	if err != nil {
		return nil, err
	}
	weights, err := split(cfg, renamed)
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

// ropeRows undoes the row order of the pairs, nil where the rows stand as in Hugging Face models.
func ropeRows(cfg *model.Config, p model.Param, arch string) []int {
	if !model.PairedRows(arch) {
		return nil
	}
	switch p.Role {
	case model.Q, model.QBias:
		return checkpoint.RopeUnpermute(cfg.Layers[p.Layer].Heads, cfg.HeadDim)
	case model.K, model.KBias:
		return checkpoint.RopeUnpermute(cfg.Layers[p.Layer].KVHeads, cfg.HeadDim)
	}
	return nil
}

// ropeTensors reads what pairs' angles are divided by.
func ropeTensors(g *checkpoint.GGUF, infos map[string]checkpoint.Info) (model.RopeTensors, error) {
	var r model.RopeTensors
	for name, to := range map[string]*[]float64{ropeFreqs: &r.Freqs, ropeShort: &r.Short, ropeLong: &r.Long} {
		if _, ok := infos[name]; !ok {
			continue
		}
		t, err := g.Read(name)
		if err != nil {
			return r, err
		}
		for _, f := range t.Float32() {
			*to = append(*to, float64(f))
		}
	}
	return r, nil
}

const (
	ropeFreqs = "rope_freqs.weight"
	ropeShort = "rope_factors_short.weight" // LongRoPE
	ropeLong  = "rope_factors_long.weight"
)

// onlyKnown refuses tensors that would change what the model computes, such as
// biases and experts, instead of leaving them out.
func onlyKnown(cfg *model.Config, infos map[string]checkpoint.Info) error {
	known := map[string]bool{ropeFreqs: true, ropeShort: true, ropeLong: true}
	for _, s := range cfg.Stored() {
		known[s.GGUF] = true
	}
	for name := range infos {
		if !known[name] {
			return fmt.Errorf("tensor %s has no place in family %s; a model that needs it is not supported", name, cfg.Family.Name)
		}
	}
	return nil
}
