package verify

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// Projections that another refit, or nobody, changed are found with how far they are apart; with them in place of
// the dense model's all else is the same, and what is changed elsewhere is not.
func TestChangedProjections(t *testing.T) {
	for name, kept := range cuts {
		for _, dtype := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
			p := newPair(t, kept, dtype)
			foundChanges(t, p, name+", as cut", 0)
			if dtype != tensor.F32 {
				continue
			}
			for _, role := range []model.Role{model.O, model.Down} {
				p.change(1, role, func(x []float32) { scale(x, 1.25) })
			}
			foundChanges(t, p, name, 2, 0.25)
			p.change(1, model.Up, func(x []float32) { x[len(x)/2] += 0.1 })
			if f := compared(t, p, name); f.Relative() < 1e-4 {
				t.Errorf("%s: another up is not seen: %+v", name, f)
			}
		}
	}
}

// foundChanges finds n changes, this far apart, and no difference besides.
func foundChanges(t *testing.T, p pair, name string, n int, apart ...float64) {
	t.Helper()
	m, err := FindUnits(p.be, p.dense, p.pruned)
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := FindChanged(p.dense, p.pruned, m, nil)
	if err != nil || len(all) != n {
		t.Fatalf("%s: %+v (%v), want %d", name, all, err, n)
	}
	for _, c := range all {
		if c.Layer != 1 || math.Abs(c.Apart-apart[0]) > 1e-6 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, bound := Bound(p.pruned.Weights); !(compared(t, p, name).Relative() <= bound) {
		t.Errorf("%s: %+v", name, compared(t, p, name))
	}
}

// compared compares all else.
func compared(t *testing.T, p pair, name string) Difference {
	t.Helper()
	m, err := FindUnits(p.be, p.dense, p.pruned)
	if err != nil {
		t.Fatal(err)
	}
	dense, _, err := FindChanged(p.dense, p.pruned, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Compare(t.Context(), p.be, dense, p.pruned, m, p.batch)
	if err != nil {
		t.Fatal(name, err)
	}
	return d
}

// A projection that has nothing to do with the dense model's is no refit of it.
func TestOtherProjections(t *testing.T) {
	for what, spoil := range map[string]func(x []float32){
		"noise":    noise,
		"reversed": slices.Reverse[[]float32],
		"zero":     func(x []float32) { clear(x) },
		"twice":    func(x []float32) { scale(x, 2) },
		"NaN":      func(x []float32) { x[3] = float32(math.NaN()) },
	} {
		p := newPair(t, cuts["channels"], tensor.F32)
		p.change(1, model.Down, spoil)
		m, err := FindUnits(p.be, p.dense, p.pruned)
		if err != nil {
			t.Fatal(err)
		}
		if _, all, err := FindChanged(p.dense, p.pruned, m, []int{0, 2}); !errors.Is(err, ErrDifferent) {
			t.Errorf("%s: %+v, %v", what, all, err)
		}
		if _, all, err := FindChanged(p.dense, p.pruned, m, []int{1}); what != "NaN" && (err != nil || len(all) != 1) {
			t.Errorf("%s, standing in for what went behind: %+v, %v", what, all, err)
		} else if what == "NaN" && !errors.Is(err, ErrDifferent) {
			t.Error("NaN passes where it stands in")
		}
	}
}

// noise is of the size of x.
func noise(x []float32) {
	var square float64
	for _, v := range x {
		square += float64(v) * float64(v) / float64(len(x))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = float32(random.NormFloat64() * math.Sqrt(square))
	}
}

func scale(x []float32, by float32) {
	for i := range x {
		x[i] *= by
	}
}
