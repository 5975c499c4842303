package verify

import (
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// mostApart is the relative distance from which a unit is no copy of another: random
// ones are about sqrt(2) apart, copies quantised to four bits about 0.1.
const mostApart = 0.7

// units are those of the dense model that the pruned one has, ascending, matched by
// the rows of d and p.
func (m *Match) units(be backend.Backend, dense, pruned Model, d, p model.Param) (kept []int, err error) {
	dim, last := d.Axes[0].Dim, -1
	err = both(be, dense, pruned, d, p, func(dw, pw backend.Buffer) error {
		f := newFinder(be, dw, pw, dim.Units, p.Axes[0].Dim.Units)
		defer f.free()
		for u := range f.P {
			best, apart := f.nearest(u, last+1)
			if best <= last || !(apart < mostApart) {
				return fmt.Errorf("%w: unit %d of %s of the pruned model is none of the dense one's in order (nearest: %d, %.2f apart)", ErrDifferent, u, dim, best, apart)
			}
			kept, last = append(kept, best), best
			m.Worst = max(m.Worst, apart)
		}
		return nil
	})
	return kept, err
}

// finder finds the P units of pw among the D of dw, all of the same size.
type finder struct {
	be            backend.Backend
	dw, pw        backend.Buffer
	D, P          int
	products      []float32 // [P, D]
	dense, pruned []float64 // sums of squares
	off           backend.Buffer
}

func newFinder(be backend.Backend, dw, pw backend.Buffer, D, P int) *finder {
	f := &finder{be: be, dw: dw, pw: pw, D: D, P: P, products: make([]float32, P*D),
		dense: squares(be, dw, D), pruned: squares(be, pw, P), off: be.New(dw.Len() / D)}
	products := be.New(P * D)
	defer be.Free(products)
	be.LinearForward(products, pw, dw, P, dw.Len()/D, D)
	be.Download(f.products, products)
	return f
}

func (f *finder) free() { f.be.Free(f.off) }

// nearest is the dense unit least far from unit u of the pruned model, and how far,
// relative to u's length. Of several as near, the first from unit from on counts: dead
// units are all the same. Products choose the candidates alone; they round, to bf16
// perhaps, and what is left of |p|² + |d|² - 2p·d for two that are the same is noise.
func (f *finder) nearest(u, from int) (best int, apart float64) {
	const noise = 0.01
	rough := func(v int) float64 { return f.pruned[u] + f.dense[v] - 2*float64(f.products[u*f.D+v]) }
	least := math.Inf(1)
	for v := range f.D {
		least = math.Min(least, rough(v))
	}
	best, distance := -1, math.Inf(1)
	for i := range f.D {
		v := (from + i) % f.D
		if !(rough(v)-least <= noise*(f.pruned[u]+f.dense[v])) {
			continue
		}
		if d := f.distance(u, v); d < distance {
			best, distance = v, d
		}
	}
	return best, math.Sqrt(distance / max(f.pruned[u], math.SmallestNonzeroFloat64))
}

// distance is the sum of the squared differences of the pruned unit u and the dense unit v.
func (f *finder) distance(u, v int) float64 {
	n := f.off.Len()
	f.be.Copy(f.off, f.pw.Slice(u*n, (u+1)*n))
	f.be.Axpby(f.off, -1, f.dw.Slice(v*n, (v+1)*n), 1)
	return squares(f.be, f.off, 1)[0]
}

// squares are the sums of squares of the units of w.
func squares(be backend.Backend, w backend.Buffer, units int) []float64 {
	return backend.Reduce(be, units, func(sums backend.Sums) {
		be.UnitSumSquares(sums, w, backend.Units{Rows: units, Cols: w.Len() / units, Axis: 0, Width: 1})
	})
}
