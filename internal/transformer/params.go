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

// attentionRoles are the roles of a layer's parameters that attention, the first half, takes.
var attentionRoles = model.RolesOf(model.AttnNorm, model.Q, model.K, model.V, model.O, model.QNorm, model.KNorm,
	model.QBias, model.KBias, model.VBias, model.OBias, model.PostAttnNorm)

// layerParamsOf are the parameters of layer l that have one of these roles.
func (t *Transformer) layerParamsOf(l int, roles model.Roles) (of []model.Param) {
	for _, p := range t.layerParams(l) {
		if roles.Has(p.Role) {
			of = append(of, p)
		}
	}
	return of
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
