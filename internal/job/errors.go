package job

import (
	"errors"
	"fmt"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// Whose fault an error is; errors.Is finds them, messages do not show them.
var (
	ErrUsage  = errors.New("wrong options")   // that no model could make right
	ErrInput  = errors.New("unusable input")  // a model, text or scores file
	ErrOutput = errors.New("unusable output") // that has no place where it is to go
)

// blamed is an error that is also one of the above.
type blamed struct {
	error
	on error
}

func (b blamed) Unwrap() []error { return []error{b.error, b.on} }

// Usage marks err as ErrUsage.
func Usage(err error) error { return blamed{err, ErrUsage} }

// Input marks err as ErrInput.
func Input(err error) error { return blamed{err, ErrInput} }

// Output marks err as ErrOutput.
func Output(err error) error { return blamed{err, ErrOutput} }

// Limits of numbers that sizes of memory are computed from.
const (
	MostThreads = 1 << 10
	MostRows    = 1 << 20 // rows, and tokens a row
	MostSteps   = 1 << 30
)

// Within refuses a number outside least..most.
func Within(option string, value, least, most int) error {
	if value < least || value > most {
		return Usage(fmt.Errorf("--%s %d: want %d to %d", option, value, least, most))
	}
	return nil
}

// Blame names the model whose weights are at fault. It looks for the tensor when
// results are not finite; all weights are read for that, so only then.
func Blame(m *load.Model, err error) error {
	if _, ok := errors.AsType[*export.ValueError](err); ok {
		return Input(fmt.Errorf("%s: %w", m.Path, err))
	}
	if !errors.Is(err, transformer.ErrNotFinite) {
		return err
	}
	name, readErr := m.NotFinite()
	switch {
	case readErr != nil:
		return readErr
	case name != "":
		return Input(fmt.Errorf("%s: tensor %s holds NaN or infinite values; download the model again or repair it", m.Path, name))
	}
	return err
}
