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
// removal of P with all its compensations, SlimGPT, arXiv 2412.18110). Fitted to W·x + τ·e instead, e [O] being
// what the dense model's residual stream has more, there comes τ·E[e·x_Kᵀ]·(S_KK + λI)⁻¹ to it.
//
// The results are (S_KK + λI)⁻¹·S_KP as float32 [K, P], and (S_KK + λI)⁻¹·E[x_K·eᵀ], [K, O], without τ.
func (m *moments) ridge(kept, gone []int, damping float64) (ofGone, ahead []float32, err error) {
	width, tokens := m.width, m.tokens
	at := func(i, j int) float64 { return m.sums[i*width+j] / tokens }
	var lambda float64
	for i := range width {
		lambda += damping * at(i, i) / float64(width)
	}
	if !(lambda > 0) || math.IsInf(lambda, 0) {
		return nil, nil, fmt.Errorf("%w: their mean square is %v", errSingular, lambda/damping)
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
	var factors mat.Cholesky
	if !factors.Factorize(left) {
		return nil, nil, fmt.Errorf("%w even with a damping of %g; raise it", errSingular, damping)
	}
	solve := func(columns int, of func(i, column int) float64) []float32 {
		if columns == 0 || err != nil {
			return nil
		}
		right := mat.NewDense(len(kept), columns, nil)
		for a, i := range kept {
			for b := range columns {
				right.Set(a, b, of(i, b)*scale[a])
			}
		}
		if e := factors.SolveTo(right, right); e != nil {
			err = fmt.Errorf("%w: %w", errSingular, e)
		}
		solution := make([]float32, 0, len(kept)*columns)
		for a := range kept {
			for b := range columns {
				solution = append(solution, float32(right.At(a, b)*scale[a]))
			}
		}
		return solution
	}
	ofGone = solve(len(gone), func(i, b int) float64 { return at(i, gone[b]) })
	ahead = solve(len(m.cross)/width, func(i, o int) float64 { return m.cross[o*width+i] / tokens })
	return ofGone, ahead, err
}

// fit is a refit of one projection: what it is without, and what becomes of it.
type fit struct {
	weights  []float32 // [O, F], 0 in the columns that go
	cut, now float64   // mean squared error of the outputs on held-out tokens, of their mean square: of the plain cut, and now
	step     float64   // how far from the plain cut to the solution, as the held-out tokens have it
}

// solve refits w [O, F] to the columns that stay, towards what it gave and dense of what the dense model's
// stream has more. The step from the plain cut to the solution is
// the one with the least error on the held-out tokens, at most the whole: so no
// projection is worse there than without.
func solve(be backend.Backend, w []float32, O int, fitted, heldOut *moments, kept, gone []int, damping, dense float64) (fit, error) {
	F := fitted.width
	if heldOut.tokens == 0 {
		return fit{}, errors.New("the rows that are held out have one token each; give longer ones")
	}
	ofGone, ahead, err := fitted.ridge(kept, gone, damping)
	if err != nil {
		return fit{}, err
	}
	change := make([]float32, O*len(kept))
	if len(gone) > 0 {
		change = product(be, columns(w, F, gone), ofGone, O, len(gone), len(kept)) // W_P · S_PK · (S_KK + λI)⁻¹
	}
	if ahead != nil {
		for o := range O {
			for a := range kept {
				change[o*len(kept)+a] += float32(dense) * ahead[a*O+o]
			}
		}
	}
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
	if ahead != nil { // the target has dense·e more
		without += dense * (dense*heldOut.square/heldOut.tokens - 2*heldOut.withAhead(cut))
		along -= dense * heldOut.withAhead(correction)
	}
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
