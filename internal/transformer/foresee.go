package transformer

import "moreau/internal/model"

// Foreseeing is a WeightSource that can make use of knowing what it will be asked
// for next: it reads from disk meanwhile.
type Foreseeing interface {
	// Ahead announces the next parameters, in order. They may still not be asked for.
	Ahead(params []model.Param)
}

// announce tells a weight source which parameters come next, if it wants to know.
func announce(w WeightSource, params []model.Param) {
	if f, ok := w.(Foreseeing); ok && len(params) > 0 {
		f.Ahead(params)
	}
}

// after are the parameters that follow layer l in the forward pass.
func (p *pass) after(l int) []model.Param {
	if l+1 < len(p.cfg.Layers) {
		return p.layerParams(l + 1)
	}
	return []model.Param{p.finalNorm(), p.head()}
}

// before are the parameters that follow layer l in the backward pass.
func (p *pass) before(l int) []model.Param {
	if l > p.firstWanted() {
		return p.layerParams(l - 1)
	}
	return nil
}
