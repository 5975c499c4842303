package verify

import (
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// both runs f on the weights of d in the dense model and of p in the pruned one. They
// are the weight source's: f must not change them.
func both(be backend.Backend, dense, pruned Model, d, p model.Param, f func(dw, pw backend.Buffer) error) error {
	return with(be, "dense", dense, d, func(dw backend.Buffer) error {
		return with(be, "pruned", pruned, p, func(pw backend.Buffer) error { return f(dw, pw) })
	})
}

func with(be backend.Backend, which string, m Model, p model.Param, f func(w backend.Buffer) error) error {
	source := transformer.NewStreamed(be, m.Weights)
	w, err := source.Weight(p)
	if err != nil {
		return fmt.Errorf("the %s model: %w", which, err)
	}
	defer source.Release(p, w)
	return f(w)
}
