package refit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"moreau/internal/backend"
)

// errSingular is the error about moments that no ridge makes solvable.
var errSingular = errors.New("the inputs' second moments cannot be solved for")

// ridge is what least squares makes of the columns that go, in terms of those that stay.
//
// With S = E[x·xᵀ] of a projection's inputs x [F] and λ = damping · mean(diag S), the weights
// W' of the columns K that stay which minimise E|W·x - W'·x_K|² + λ·|W' - W_K|² are
//
//	W' = W_K + W_P·S_PK·(S_KK + λI)⁻¹,
//
// P being the columns that go: the ridge is towards the weights as they are, so that λ → ∞ is
// the plain cut (OSSCAR, arXiv 2403.12983, section 3; the same as Optimal Brain Surgeon's
// removal of P with all its compensations, SlimGPT, arXiv 2412.18110).
//
// The result is (S_KK + λI)⁻¹·S_KP as float32 [K, P]. s [F, F] holds T·S for T tokens.
func ridge(s []float64, tokens float64, width int, kept, gone []int, damping float64) ([]float32, error) {
	at := func(i, j int) float64 { return s[i*width+j] / tokens }
	var lambda float64
	for i := range width {
		lambda += damping * at(i, i) / float64(width)
	}
	if !(lambda > 0) || math.IsInf(lambda, 0) {
		return nil, fmt.Errorf("%w: their mean square is %v", errSingular, lambda/damping)
	}
	scale := make([]float64, len(kept)) // Jacobi: a diagonal of ones makes the factors well conditioned
	for a, i := range kept {
		scale[a] = 1 / math.Sqrt(at(i, i)+lambda)
	}
	left := mat.NewSymDense(len(kept), nil)
	for a, i := range kept {
		for b := a; b < len(kept); b++ {
			v := at(i, kept[b])
			if a == b {
				v += lambda
			}
			left.SetSym(a, b, v*scale[a]*scale[b])
		}
	}
	right := mat.NewDense(len(kept), len(gone), nil)
	for a, i := range kept {
		for b, j := range gone {
			right.Set(a, b, at(i, j)*scale[a])
		}
	}
	var factors mat.Cholesky
	if !factors.Factorize(left) {
		return nil, fmt.Errorf("%w even with a damping of %g; raise it", errSingular, damping)
	}
	if err := factors.SolveTo(right, right); err != nil {
		return nil, fmt.Errorf("%w: %w", errSingular, err)
	}
	solution := make([]float32, 0, len(kept)*len(gone))
	for a := range kept {
		for b := range gone {
			solution = append(solution, float32(right.At(a, b)*scale[a]))
		}
	}
	return solution, nil
}

// fit is a refit of one projection: what it is without, and what becomes of it.
type fit struct {
	weights  []float32 // [O, F], 0 in the columns that go
	cut, now float64   // mean squared error of the outputs on held-out tokens, of their mean square: of the plain cut, and now
	step     float64   // how far from the plain cut to the solution, as the held-out tokens have it
}

// solve refits w [O, F] to the columns that stay. The step from the plain cut to the solution is
// the one with the least error on the held-out tokens, at most the whole: so no
// projection is worse there than without.
func solve(be backend.Backend, w []float32, O int, fitted, heldOut *moments, kept, gone []int, damping float64) (fit, error) {
	F := fitted.width
	if heldOut.tokens == 0 {
		return fit{}, errors.New("the rows that are held out have one token each; give longer ones")
	}
	solution, err := ridge(fitted.sums, fitted.tokens, F, kept, gone, damping)
	if err != nil {
		return fit{}, err
	}
	change := product(be, columns(w, F, gone), solution, O, len(gone), len(kept)) // W_P · S_PK · (S_KK + λI)⁻¹
	cut, correction := make([]float32, O*F), make([]float32, O*F)
	for o := range O {
		for _, j := range gone {
			cut[o*F+j] = -w[o*F+j]
		}
		for a, j := range kept {
			correction[o*F+j] = change[o*len(kept)+a]
		}
	}
	moved := heldOut.forms(be, O, w, cut, correction)
	all, without, along, square := moved[0][0], moved[1][1], moved[1][2], moved[2][2]
	f := fit{weights: make([]float32, O*F)}
	if square > 0 {
		f.step = min(1, max(0, -along/square))
	}
	if all > 0 { // else the outputs are 0 and stay so
		f.cut, f.now = without/all, (without+2*f.step*along+f.step*f.step*square)/all
	}
	for i, v := range correction {
		f.weights[i] = w[i] + cut[i] + float32(f.step)*v
	}
	return f, nil
}

// columns are those of w [O, F] that are named, [O, len(of)].
func columns(w []float32, F int, of []int) []float32 {
	var c []float32
	for lo := 0; lo < len(w); lo += F {
		for _, j := range of {
			c = append(c, w[lo+j])
		}
	}
	return c
}

// product is x [N, I] · w [O, I]ᵀ.
func product(be backend.Backend, x, w []float32, N, I, O int) []float32 {
	a, b, out := upload(be, x), upload(be, w), be.New(N*O)
	defer func() { be.Free(a); be.Free(b); be.Free(out) }()
	be.LinearForward(out, a, b, N, I, O)
	host := make([]float32, N*O)
	be.Download(host, out)
	return host
}

func upload(be backend.Backend, v []float32) backend.Buffer {
	b := be.New(len(v))
	be.Upload(b, func(part []float32, lo int) { copy(part, v[lo:]) })
	return b
}
