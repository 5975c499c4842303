package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/model"
)

// offsetNorms gives norms the weights that they multiply by where a model stores these
// less an offset. Their gradients are the same.
type offsetNorms struct {
	WeightSource
	be     backend.Backend
	offset float32
}

// withOffset is w, with the offset that norms of cfg have.
func withOffset(be backend.Backend, cfg *model.Config, w WeightSource) WeightSource {
	if cfg.NormOffset == 0 {
		return w
	}
	return &offsetNorms{w, be, cfg.NormOffset}
}

// Weight implements WeightSource; a norm's is a copy.
func (o *offsetNorms) Weight(p model.Param) (backend.Buffer, error) {
	w, err := o.WeightSource.Weight(p)
	if err != nil || !p.Role.Norm() {
		return w, err
	}
	defer o.WeightSource.Release(p, w)
	sum := o.be.New(p.Len())
	o.be.Upload(sum, func(part []float32, _ int) {
		for i := range part {
			part[i] = o.offset
		}
	})
	o.be.Axpby(sum, 1, w, 1)
	return sum, nil
}

// Release implements WeightSource.
func (o *offsetNorms) Release(p model.Param, b backend.Buffer) {
	if p.Role.Norm() {
		o.be.Free(b)
		return
	}
	o.WeightSource.Release(p, b)
}

// Ahead implements Foreseeing for a source that does.
func (o *offsetNorms) Ahead(params []model.Param) { announce(o.WeightSource, params) }
