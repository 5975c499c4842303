package main

import (
	"errors"
	"fmt"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// blame names the model whose weights are at fault. It looks for the tensor when
// results are not finite; all weights are read for that, so only then.
func blame(m *load.Model, err error) error {
	if _, ok := errors.AsType[*export.ValueError](err); ok {
		return inputError{fmt.Errorf("%s: %w", m.Path, err)}
	}
	if !errors.Is(err, transformer.ErrNotFinite) {
		return err
	}
	name, readErr := m.NotFinite()
	switch {
	case readErr != nil:
		return readErr
	case name != "":
		return inputError{fmt.Errorf("%s: tensor %s holds NaN or infinite values; download the model again or repair it", m.Path, name)}
	}
	return err
}
