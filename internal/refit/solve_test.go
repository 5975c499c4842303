package refit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
)

// random is a site at random: weights [O, F], and the moments of correlated inputs.
type random struct {
	O, F       int
	w          []float32
	x          [][]float64 // tokens
	m          *moments
	kept, gone []int
}

func newRandom(rng *rand.Rand, O, F, tokens, gone int) *random {
	r := &random{O: O, F: F, m: &moments{width: F, tokens: float64(tokens), sums: make([]float64, F*F)}}
	for range O * F {
		r.w = append(r.w, float32(rng.NormFloat64()))
	}
	mix := make([]float64, F*F)
	for i := range mix {
		mix[i] = rng.NormFloat64()
	}
	for range tokens {
		z, x := make([]float64, F), make([]float64, F)
		for i := range z {
			z[i] = rng.NormFloat64() / float64(1+i)
		}
		for i := range x {
			for j := range z {
				x[i] += mix[i*F+j] * z[j]
			}
		}
		r.x = append(r.x, x)
		for i := range x {
			for j := range x {
				r.m.sums[i*F+j] += x[i] * x[j]
			}
		}
	}
	r.gone = rng.Perm(F)[:gone]
	slices.Sort(r.gone)
	for j := range F {
		if !slices.Contains(r.gone, j) {
			r.kept = append(r.kept, j)
		}
	}
	return r
}

// lambda is the ridge of a damping.
func (r *random) lambda(damping float64) (l float64) {
	for i := range r.F {
		l += damping * r.m.sums[i*r.F+i] / r.m.tokens / float64(r.F)
	}
	return l
}

// inverse is that of the damped moments of some columns, by Gauss and Jordan.
func (r *random) inverse(of []int, lambda float64) [][]float64 {
	n := len(of)
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, 2*n)
		for j := range n {
			a[i][j] = r.m.sums[of[i]*r.F+of[j]] / r.m.tokens
		}
		a[i][i] += lambda
		a[i][n+i] = 1
	}
	for c := range n {
		p := c
		for i := c; i < n; i++ {
			if math.Abs(a[i][c]) > math.Abs(a[p][c]) {
				p = i
			}
		}
		a[c], a[p] = a[p], a[c]
		pivot := a[c][c]
		for j := range 2 * n {
			a[c][j] /= pivot
		}
		for i := range n {
			if f := a[i][c]; i != c {
				for j := range 2 * n {
					a[i][j] -= f * a[c][j]
				}
			}
		}
	}
	for i := range a {
		a[i] = a[i][n:]
	}
	return a
}

// surgeon removes the columns that go one by one, each with the compensation of Optimal
// Brain Surgeon (Hassibi and Stork, 1993): w -= w_j / [H⁻¹]_jj · [H⁻¹]_j.
func (r *random) surgeon(damping float64) []float64 {
	w := make([]float64, len(r.w))
	for i, v := range r.w {
		w[i] = float64(v)
	}
	left := make([]int, r.F)
	for j := range left {
		left[j] = j
	}
	for _, gone := range r.gone {
		inverse, at := r.inverse(left, r.lambda(damping)), slices.Index(left, gone)
		for o := range r.O {
			f := w[o*r.F+gone] / inverse[at][at]
			for i, j := range left {
				w[o*r.F+j] -= f * inverse[at][i]
			}
			w[o*r.F+gone] = 0
		}
		left = slices.Delete(left, at, at+1)
	}
	return w
}

// refit is one of the moments, held to others.
func (r *random) refit(t *testing.T, heldOut *moments, damping float64) fit {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	f, err := solve(be, r.w, r.O, r.m, heldOut, r.kept, r.gone, damping, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// One refit is the removal of columns one by one, each with its compensation.
func TestRefitIsTheSurgeons(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		r := newRandom(rng, 1+rng.IntN(9), 2+rng.IntN(30), 200, 1)
		r = newRandom(rng, r.O, r.F, 200, 1+rng.IntN(r.F-1))
		solution, _, err := r.m.ridge(r.kept, r.gone, 0.01)
		if err != nil {
			t.Fatal(err)
		}
		want := r.surgeon(0.01)
		for o := range r.O {
			for a, j := range r.kept {
				got := float64(r.w[o*r.F+j])
				for b, g := range r.gone {
					got += float64(r.w[o*r.F+g]) * float64(solution[a*len(r.gone)+b])
				}
				if math.Abs(got-want[o*r.F+j]) > 1e-4*(1+math.Abs(want[o*r.F+j])) {
					t.Fatalf("%d of %d columns: weight %d, %d is %g, column by column %g", len(r.gone), r.F, o, j, got, want[o*r.F+j])
				}
			}
		}
	}
}

// errorOf is E|W·x - V·x|² of E|W·x|², token by token.
func (r *random) errorOf(v []float32) float64 {
	var off, of float64
	for _, x := range r.x {
		for o := range r.O {
			var want, got float64
			for j := range x {
				want += float64(r.w[o*r.F+j]) * x[j]
				got += float64(v[o*r.F+j]) * x[j]
			}
			off, of = off+(want-got)*(want-got), of+want*want
		}
	}
	return off / of
}

// No refit raises the error on held-out tokens, and the errors that it tells are those of the
// outputs, token by token.
func TestRefitIsNeverWorse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	shortened := 0
	for range 40 {
		O, F := 1+rng.IntN(9), 3+rng.IntN(30)
		fitted := newRandom(rng, O, F, 5+rng.IntN(30), 1+rng.IntN(F-2))
		other := newRandom(rng, O, F, 50, 1) // of another distribution
		other.w = fitted.w
		f := fitted.refit(t, other.m, []float64{1e-6, 0.01, 1}[rng.IntN(3)])
		plain := slices.Clone(fitted.w)
		for o := range O {
			for _, j := range fitted.gone {
				plain[o*F+j] = 0
				if f.weights[o*F+j] != 0 {
					t.Fatalf("column %d goes and holds %g", j, f.weights[o*F+j])
				}
			}
		}
		cut, now := other.errorOf(plain), other.errorOf(f.weights)
		if math.Abs(f.cut-cut) > 1e-4*cut || math.Abs(f.now-now) > 1e-3*now+1e-6 {
			t.Errorf("errors %g and %g, token by token %g and %g", f.cut, f.now, cut, now)
		}
		if now > cut*(1+1e-5) {
			t.Errorf("%d of %d columns: error %g, without refit %g", len(fitted.gone), F, now, cut)
		}
		if f.step < 1 {
			shortened++
		}
		if f.step < 0 || f.step > 1 {
			t.Errorf("a step of %g", f.step)
		}
	}
	if shortened == 0 {
		t.Error("the held-out tokens never had a say")
	}
}

func TestRefitWithoutBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	r := newRandom(rng, 6, 20, 300, 7)
	plain := slices.Clone(r.w)
	for o := range r.O {
		for _, j := range r.gone {
			plain[o*r.F+j] = 0
		}
	}
	far := func(a, b []float32) (d float64) {
		for i := range a {
			d = max(d, math.Abs(float64(a[i]-b[i])))
		}
		return d
	}
	if d := far(r.refit(t, r.m, 1e9).weights, plain); d > 1e-6 {
		t.Errorf("a ridge without bound: weights %g from the plain cut", d)
	}
	if f := r.refit(t, r.m, 1e-9); f.step < 0.9999 || f.now > 0.9*f.cut {
		t.Errorf("held to what was fitted: a step of %g, error %g of %g", f.step, f.now, f.cut)
	}
	for i := range r.m.sums {
		r.m.sums[i] = 0
	}
	if _, _, err := r.m.ridge(r.kept, r.gone, 0.01); err == nil {
		t.Error("inputs that are all zero were solved for")
	}
}

// A projection that gives nothing stays so; rows of one token say nothing of how far a refit goes.
func TestRefitOfNothing(t *testing.T) {
	r := newRandom(rand.New(rand.NewPCG(7, 8)), 3, 8, 50, 2)
	clear(r.w)
	if f := r.refit(t, r.m, 0.01); f.cut != 0 || f.now != 0 || slices.ContainsFunc(f.weights, func(w float32) bool { return w != 0 }) {
		t.Errorf("%+v", f)
	}
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := solve(be, r.w, r.O, r.m, &moments{width: r.F, sums: r.m.sums}, r.kept, r.gone, 0.01, 0); err == nil {
		t.Error("no token is held out, and nothing is said")
	}
}

// Memory of solving by hand: 10 inputs, of which 4 go, and 3 outputs.
func TestSolvingMemory(t *testing.T) {
	const moments, damped, crossed, solution, weights, heldOut = 2 * 8 * 10 * 10, 8 * 2 * 6 * 6, 8 * 2 * 6 * 4, 4 * 6 * 4, 5 * 4 * 3 * 10, 2 * 4 * 10 * 10
	if got, want := solvingBytes(3, 10, 4, 0), int64(moments+damped+crossed+solution+weights+heldOut); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// Fitted to W·x and a part of e: the ridge solution of that target, by another solver, and its error token by token.
func TestRefitTowardsAStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		const damping, dense = 0.01, 0.3
		O, F := 1+rng.IntN(6), 2+rng.IntN(12)
		r := newRandom(rng, O, F, 100, rng.IntN(F))
		e := make([][]float64, len(r.x))
		r.m.cross = make([]float64, O*F)
		for n, x := range r.x {
			e[n] = make([]float64, O)
			for o := range O {
				e[n][o] = rng.NormFloat64() + x[o%F]
				r.m.square += e[n][o] * e[n][o]
				for j, v := range x {
					r.m.cross[o*F+j] += e[n][o] * v
				}
			}
		}
		f, err := solve(be, r.w, O, r.m, r.m, r.kept, r.gone, damping, dense)
		if err != nil {
			t.Fatal(err)
		}
		inverse := r.inverse(r.kept, r.lambda(damping))
		var off, of float64
		for o := range O {
			for a, j := range r.kept {
				want := 0.
				for b, i := range r.kept {
					right := dense * r.m.cross[o*F+i]
					for _, g := range r.gone {
						right += float64(r.w[o*F+g]) * r.m.sums[g*F+i]
					}
					want += right / r.m.tokens * inverse[a][b]
				}
				want = float64(r.w[o*F+j]) + f.step*want
				off, of = off+math.Pow(float64(f.weights[o*F+j])-want, 2), of+want*want
			}
		}
		if f.step <= 0 || math.Sqrt(off/of) > 1e-4 {
			t.Errorf("%d of %d inputs go: a step of %g, %g from the ridge solution", len(r.gone), F, f.step, math.Sqrt(off/of))
		}
		var error, all float64
		for n, x := range r.x {
			for o := range O {
				var was, is float64
				for j, v := range x {
					was, is = was+float64(r.w[o*F+j])*v, is+float64(f.weights[o*F+j])*v
				}
				error, all = error+math.Pow(was+dense*e[n][o]-is, 2), all+was*was
			}
		}
		if math.Abs(f.now-error/all) > 1e-3*f.now || f.now > f.cut {
			t.Errorf("an error of %g is said, of %g without, it is %g", f.now, f.cut, error/all)
		}
	}
}
