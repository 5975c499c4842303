package transformer

import "moreau/internal/model"

// parameters are those of a configuration, listed once: to put their names together for each
// token takes a part of the time of a small model.
type parameters struct {
	layers                     [][]model.Param // as asked for
	embedding, finalNorm, head model.Param     // once listed
	listed                     bool
}

// layerParams are the parameters of layer l.
func (t *Transformer) layerParams(l int) []model.Param {
	if t.params.layers == nil {
		t.params.layers = make([][]model.Param, len(t.cfg.Layers))
	}
	if t.params.layers[l] == nil {
		t.params.layers[l] = t.cfg.LayerParams(l)
	}
	return t.params.layers[l]
}

func (t *Transformer) embedding() model.Param { return t.outside().embedding }
func (t *Transformer) finalNorm() model.Param { return t.outside().finalNorm }
func (t *Transformer) head() model.Param      { return t.outside().head }

// outside lists the parameters that belong to no layer.
func (t *Transformer) outside() *parameters {
	p := &t.params
	if p.listed {
		return p
	}
	all := t.cfg.Params()
	p.embedding, p.head, p.listed = all[0], t.cfg.HeadParam(), true
	for _, param := range all {
		if param.Role == model.FinalNorm {
			p.finalNorm = param
			return p
		}
	}
	panic("transformer: family without a final norm")
}
