package refit

import (
	"moreau/internal/backend"
	"moreau/internal/transformer"
)

// moments are the sums over tokens of x·xᵀ, x [width] being what enters a projection, and of e·xᵀ
// and |e|², e [outputs] being what the dense model's residual stream has more behind it.
type moments struct {
	width  int
	tokens float64
	sums   []float64 // [width, width]
	cross  []float64 // [outputs, width]; nil: e is not asked for
	square float64
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

// withAhead is E[eᵀ·A·x] of a matrix A [outputs, width].
func (m *moments) withAhead(a []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * m.cross[i] / m.tokens
	}
	return sum
}

// momentTap gathers the moments of one site: the parts of a walk before heldOut into the first,
// the others into the second. The first position of a sequence is left out: models park there
// what they do not want to attend to, in values hundreds of times those of all others.
type momentTap struct {
	be      backend.Backend
	ahead   func(part int) backend.Buffer // e of a part [N, outputs], for the tap to free; nil: not asked for
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
	if *into == nil {
		*into = &moments{width: s.Width, sums: make([]float64, s.Width*s.Width)}
	}
	(*into).add(t.be, s)
	if t.ahead != nil {
		e := t.ahead(t.parts)
		(*into).addAhead(t.be, s, e)
		t.be.Free(e)
	}
	t.parts++
	return nil
}

// add adds the tokens of s.
func (m *moments) add(be backend.Backend, s transformer.Seen) {
	x := counted(be, s, s.X, s.Width)
	defer be.Free(x)
	for _, n := range s.Lengths {
		m.tokens += float64(n - 1)
	}
	addProducts(be, m.sums, x, x, len(s.Lengths)*s.T, s.Width, s.Width)
}

// addAhead adds what the dense model's stream has more at the tokens of s.
func (m *moments) addAhead(be backend.Backend, s transformer.Seen, e backend.Buffer) {
	N := len(s.Lengths) * s.T
	O := e.Len() / N
	if m.cross == nil {
		m.cross = make([]float64, O*s.Width)
	}
	e = counted(be, s, e, O)
	defer be.Free(e)
	addProducts(be, m.cross, e, s.X, N, s.Width, O)
	row := make([]float32, O)
	for n := range N {
		be.Download(row, e.Slice(n*O, (n+1)*O))
		for _, v := range row {
			m.square += float64(v) * float64(v)
		}
	}
}

// counted is a copy of v [N, width] with zeros at positions that do not count: the first of each sequence of s and padding.
func counted(be backend.Backend, s transformer.Seen, v backend.Buffer, width int) backend.Buffer {
	c := be.New(v.Len())
	be.Copy(c, v)
	for b, n := range s.Lengths {
		be.Zero(c.Slice(b*s.T*width, (b*s.T+1)*width))
		be.Zero(c.Slice((b*s.T+n)*width, (b+1)*s.T*width))
	}
	return c
}

// addProducts adds yᵀ·x to sums [O, F], of y [N, O] and x [N, F].
func addProducts(be backend.Backend, sums []float64, y, x backend.Buffer, N, F, O int) {
	products := be.New(O * F)
	defer be.Free(products)
	be.LinearBackward(nil, products, y, x, nil, N, F, O)
	row := make([]float32, F)
	for i := range O {
		be.Download(row, products.Slice(i*F, (i+1)*F))
		for j, v := range row {
			sums[i*F+j] += float64(v)
		}
	}
}
