package transformer

import (
	"errors"
	"fmt"
	"math"
)

// ErrNotFinite is in the chain of errors about results that are NaN or
// infinite: weights or settings are to blame.
var ErrNotFinite = errors.New("not finite")

// Finite is the error about v, which errors call what, unless v is a finite number.
func Finite(what string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s is %w (%v)", what, ErrNotFinite, v)
	}
	return nil
}
