package lora

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// adapters are the updates while they are learnt: a weight source that adds them, and a sink that makes their gradients of the
// factors of the matrices', so that neither a matrix nor its gradient is kept.
type adapters struct {
	transformer.WeightSource
	be    backend.Backend
	rank  int
	scale float32 // s
	of    map[string]*learning
	names []string // in the model's order
}

// learning is an adapter on its way.
type learning struct {
	param model.Param
	a, b  values // [r, I], [O, r]
}

// values are what is learnt, the gradient, and Adam's moments.
type values struct{ w, grad, mean, square backend.Buffer }

// newAdapters are those of the matrices of some roles: A uniform in ±1/sqrt(I), B zero, as PEFT has them (Kaiming uniform with
// a = sqrt(5)). The draws of a matrix depend on the seed and its name alone.
func newAdapters(be backend.Backend, c *model.Config, from transformer.WeightSource, s Settings) *adapters {
	d := &adapters{from, be, s.Rank, float32(s.Scale()), map[string]*learning{}, nil}
	for _, p := range c.Params() {
		if !s.adapts(p) {
			continue
		}
		O, I := p.Axes[0].Size(), p.Axes[1].Size()
		l := &learning{p, newValues(be, s.Rank*I), newValues(be, O*s.Rank)}
		name := fnv.New64a()
		name.Write([]byte(p.Name))
		rng, bound := rand.New(rand.NewPCG(s.Seed, name.Sum64())), 1/math.Sqrt(float64(I))
		start := make([]float32, s.Rank*I)
		for i := range start {
			start[i] = float32(bound * (2*rng.Float64() - 1))
		}
		upload(be, l.a.w, start)
		d.of[p.Name], d.names = l, append(d.names, p.Name)
	}
	return d
}

func newValues(be backend.Backend, n int) values {
	return values{be.New(n), be.New(n), be.New(n), be.New(n)}
}

func upload(be backend.Backend, to backend.Buffer, from []float32) {
	be.Upload(to, func(part []float32, lo int) { copy(part, from[lo:]) })
}

func (d *adapters) free() {
	for v := range d.each() {
		for _, b := range []backend.Buffer{v.w, v.grad, v.mean, v.square} {
			d.be.Free(b)
		}
	}
}

// each goes over all A and B, in the model's order.
func (d *adapters) each() func(yield func(values) bool) {
	return func(yield func(values) bool) {
		for _, name := range d.names {
			if l := d.of[name]; !yield(l.a) || !yield(l.b) {
				return
			}
		}
	}
}

// Weight implements transformer.WeightSource.
func (d *adapters) Weight(p model.Param) (backend.Buffer, error) {
	w, err := d.WeightSource.Weight(p)
	l := d.of[p.Name]
	if err != nil || l == nil {
		return w, err
	}
	scaled := d.be.New(l.b.w.Len())
	defer d.be.Free(scaled)
	d.be.Axpby(scaled, d.scale, l.b.w, 0)
	d.be.LinearBackward(w, nil, scaled, nil, l.a.w, p.Axes[0].Size(), p.Axes[1].Size(), d.rank) // w += s·B·A
	return w, nil
}

// Wants implements transformer.GradSink.
func (d *adapters) Wants(p model.Param) bool { return d.of[p.Name] != nil }

// Grad implements transformer.GradSink; it is not called for matrices.
func (d *adapters) Grad(model.Param, backend.Buffer) error { return nil }

// Factors implements transformer.FactorSink: with dW = doutᵀ·x, dB = dW·Aᵀ = doutᵀ·(x·Aᵀ) and dA = Bᵀ·dW = (dout·B)ᵀ·x,
// both less the factor s.
func (d *adapters) Factors(p model.Param, dout, x backend.Buffer) error {
	l, O, I, r := d.of[p.Name], p.Axes[0].Size(), p.Axes[1].Size(), d.rank
	N := x.Len() / I
	u, v := d.be.New(N*r), d.be.New(N*r)
	defer d.be.Free(u)
	defer d.be.Free(v)
	d.be.LinearForward(u, x, l.a.w, N, I, r)
	d.be.LinearBackward(nil, l.b.grad, dout, u, nil, N, r, O)
	d.be.LinearBackward(v, nil, dout, nil, l.b.w, N, r, O)
	d.be.LinearBackward(nil, l.a.grad, v, x, nil, N, I, r)
	return nil
}

// AdamW's settings are PyTorch's, without decay.
const (
	beta1, beta2 = 0.9, 0.999
	epsilon      = 1e-8
)

// mostNorm is the norm of all gradients together that a step is taken along at most.
const mostNorm = 1

// descend takes a step, counted from 1, along the gradients, which become zero.
func (d *adapters) descend(step int, rate float64) {
	factor := d.scale
	if norm := float64(d.scale) * d.norm(); norm > mostNorm {
		factor *= float32(mostNorm / (norm + 1e-6)) // as torch.nn.utils.clip_grad_norm_
	}
	for v := range d.each() {
		d.be.Axpby(v.grad, factor, v.grad, 0)
		d.be.AdamW(v.w, v.mean, v.square, v.grad, backend.AdamWStep{Step: step, LR: rate, Beta1: beta1, Beta2: beta2, Eps: epsilon})
		d.be.Zero(v.grad)
	}
}

// norm is that of all gradients together, less the factor s.
func (d *adapters) norm() float64 {
	var sum float64
	for v := range d.each() {
		n := v.grad.Len()
		sum += backend.Reduce(d.be, 1, func(s backend.Sums) { d.be.UnitSumSquares(s, v.grad, backend.Units{Rows: n, Cols: 1, Width: n}) })[0]
	}
	return math.Sqrt(sum)
}

// learnt are the adapters as they are, on the host.
func (d *adapters) learnt() map[string]Adapter {
	all := map[string]Adapter{}
	for name, l := range d.of {
		all[name] = Adapter{d.rank, float64(d.scale), download(d.be, l.a.w), download(d.be, l.b.w)}
	}
	return all
}

func download(be backend.Backend, b backend.Buffer) []float32 {
	host := make([]float32, b.Len())
	be.Download(host, b)
	return host
}
