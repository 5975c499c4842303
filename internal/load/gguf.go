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
	factors, err := ropeFactors(g, infos)
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
	for _, p := range cfg.Params() {
		name := cfg.Family.GGUFName(p)
		if _, ok := infos[name]; !ok {
			return nil, fmt.Errorf("tensor %s is missing; the file is not complete, download or convert it again", name)
		}
		names[p.Name] = checkpoint.Entry{Name: name, Rows: ropeRows(cfg, p, arch), Add: -cfg.GGUFOffset(p)}
	}
	if err := onlyKnown(cfg, infos); err != nil {
		return nil, err
	}
	if err := sameShapes(cfg, func(p model.Param) checkpoint.Info { return infos[cfg.Family.GGUFName(p)] }); err != nil {
		return nil, err
	}
	weights, err := checkpoint.Rename(g, names)
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

func ropeFactors(g *checkpoint.GGUF, infos map[string]checkpoint.Info) ([]float64, error) {
	if _, ok := infos[ropeFreqs]; !ok {
		return nil, nil
	}
	t, err := g.Read(ropeFreqs)
	if err != nil {
		return nil, err
	}
	factors := make([]float64, t.Len())
	for i, f := range t.Float32() {
		factors[i] = float64(f)
	}
	return factors, nil
}

const ropeFreqs = "rope_freqs.weight"

// onlyKnown refuses tensors that would change what the model computes, such as
// biases and experts, instead of leaving them out.
func onlyKnown(cfg *model.Config, infos map[string]checkpoint.Info) error {
	known := map[string]bool{ropeFreqs: true}
	for _, p := range cfg.Params() {
		known[cfg.Family.GGUFName(p)] = true
	}
	for name := range infos {
		if !known[name] {
			return fmt.Errorf("tensor %s has no place in family %s; a model that needs it is not supported", name, cfg.Family.Name)
		}
	}
	return nil
}
