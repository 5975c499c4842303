package transformer

import "moreau/internal/backend"

// Site is a place of a layer whose values a Tap can see. Where a layer has no norm before
// attention or its MLP, what they multiply is the stream, and so is the gradient: the one
// of the stream there.
type Site int

const (
	Residual Site = iota // [N, C] the stream that enters the layer; behind the last one, what enters the final norm
	AttnIn               // [N, C] what q, k and v multiply
	HeadsOut             // [N, H*D] the heads' outputs, which o multiplies
	MLPIn                // [N, C] what gate and up multiply
	Channels             // [N, F] the channels' values, which down multiplies
	sites
)

// Sight says how a Tap sees a site.
type Sight int

const (
	Unseen       Sight = iota
	Forward            // as soon as the values are there
	WithGradient       // in the backward pass, which it asks for, with d loss / d value
)

// Tap observes the activations of a pass. Each site is seen once a pass: what the backward
// pass computes again is not.
type Tap interface {
	// Sees says how a site is seen. Layers count from 0; Residual has one more, len(Layers).
	Sees(layer int, site Site) Sight
	// See shows it. The buffers are only valid during the call and not to be changed.
	See(s Seen) error
}

// Seen is the values of one site over a batch of B sequences.
type Seen struct {
	Layer    int
	Site     Site
	Lengths  []int          // [B]: of sequence b, rows 0..Lengths[b]-1 count, the others are padding
	T, Width int            // rows of a sequence, columns
	X        backend.Buffer // [B*T, Width]
	DX       backend.Buffer // d loss / d X, nil unless seen WithGradient
}

// Sequence is the rows of sequence b that count: x[rows, Width] and dx, nil where DX is.
func (s Seen) Sequence(b int) (x, dx backend.Buffer, rows int) {
	rows = s.Lengths[b]
	lo, hi := b*s.T*s.Width, (b*s.T+rows)*s.Width
	if s.DX != nil {
		dx = s.DX.Slice(lo, hi)
	}
	return s.X.Slice(lo, hi), dx, rows
}

// sees is how the pass's tap sees a site.
func (p *pass) sees(layer int, site Site) Sight {
	if p.tap == nil {
		return Unseen
	}
	return p.tap.Sees(layer, site)
}

// show shows x[N, width] to the tap if it sees the site so; dx is nil in the forward pass.
func (p *pass) show(layer int, site Site, x, dx backend.Buffer) error {
	as := Forward
	if dx != nil {
		as = WithGradient
	}
	if p.sees(layer, site) != as {
		return nil
	}
	return p.tap.See(Seen{Layer: layer, Site: site, Lengths: p.b.lengths, T: p.b.T, Width: x.Len() / p.b.Rows(), X: x, DX: dx})
}

// showLayer shows what the forward pass of a layer, or a half of it, computed.
func (p *pass) showLayer(l int, a *layerActs) error {
	for _, s := range []struct {
		site Site
		x    backend.Buffer
	}{{Residual, a.x}, {AttnIn, a.xn1}, {HeadsOut, a.att}, {MLPIn, a.xn2}, {Channels, a.act}} {
		if s.x == nil {
			continue // of the other half
		}
		if err := p.show(l, s.site, s.x, nil); err != nil {
			return err
		}
	}
	return nil
}

// firstTapped is the lowest layer whose gradients the tap sees, and whether there is one.
func (p *pass) firstTapped() (layer int, any bool) {
	for l := range len(p.cfg.Layers) + 1 {
		for s := range sites {
			if p.sees(l, s) == WithGradient {
				return l, true
			}
		}
	}
	return len(p.cfg.Layers), false
}
