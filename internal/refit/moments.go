package refit

import (
	"moreau/internal/backend"
	"moreau/internal/transformer"
)

// moments are the sums over tokens of x·xᵀ, x [width] being what enters a projection.
type moments struct {
	width  int
	tokens float64
	sums   []float64 // [width, width]
}

// forms are the quadratic forms tr(A·S·Bᵀ) of each two of these matrices [O, width] under
// the second moments S.
func (m *moments) forms(be backend.Backend, O int, of ...[]float32) [][]float64 {
	s := make([]float32, len(m.sums))
	for i, v := range m.sums {
		s[i] = float32(v / m.tokens)
	}
	forms := make([][]float64, len(of))
	for a := range of {
		forms[a] = make([]float64, len(of))
		turned := product(be, of[a], s, O, m.width, m.width) // S is symmetric
		for b := range of {
			for i, v := range of[b] {
				forms[a][b] += float64(v) * float64(turned[i])
			}
		}
	}
	return forms
}

// momentTap gathers the moments of one site: the parts of a walk before heldOut into the first,
// the others into the second. The first position of a sequence is left out: models park there
// what they do not want to attend to, in values hundreds of times those of all others.
type momentTap struct {
	be      backend.Backend
	layer   int
	at      transformer.Site
	heldOut int // number of the first part that is held out
	parts   int // seen
	sums    [2]*moments
}

// Sees implements transformer.Tap.
func (t *momentTap) Sees(layer int, at transformer.Site) transformer.Sight {
	if layer == t.layer && at == t.at {
		return transformer.Forward
	}
	return transformer.Unseen
}

// See implements transformer.Tap.
func (t *momentTap) See(s transformer.Seen) error {
	into := &t.sums[0]
	if t.parts >= t.heldOut {
		into = &t.sums[1]
	}
	t.parts++
	if *into == nil {
		*into = &moments{width: s.Width, sums: make([]float64, s.Width*s.Width)}
	}
	(*into).add(t.be, s)
	return nil
}

// add adds the tokens of s.
func (m *moments) add(be backend.Backend, s transformer.Seen) {
	F, N := s.Width, len(s.Lengths)*s.T
	x, products := be.New(N*F), be.New(F*F)
	defer func() { be.Free(x); be.Free(products) }()
	be.Copy(x, s.X)
	for b, n := range s.Lengths {
		be.Zero(x.Slice(b*s.T*F, (b*s.T+1)*F))
		be.Zero(x.Slice((b*s.T+n)*F, (b+1)*s.T*F))
		m.tokens += float64(n - 1)
	}
	be.LinearBackward(nil, products, x, x, nil, N, F, F)
	row := make([]float32, F)
	for i := range F {
		be.Download(row, products.Slice(i*F, (i+1)*F))
		for j, v := range row {
			m.sums[i*F+j] += float64(v)
		}
	}
}
