package job

import (
	"context"
	"math"
	"runtime"
	"slices"
	"time"

	"moreau/internal/backend"
	"moreau/internal/bench"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/synth"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// stopwatch times something: what a fast run takes, and a slow one.
type stopwatch func(run func()) (fast, slow time.Duration)

// glance is a stopwatch of one run, after one that fills caches and pools.
func glance(now func() time.Time) stopwatch {
	return func(run func()) (fast, slow time.Duration) {
		run()
		start := now()
		run()
		took := now().Sub(start)
		return took, took
	}
}

// look is a stopwatch of five runs or more, for 30 ms, but no longer than 150: the fastest, and
// the median and a third, since a long run meets what short ones do not: other programs, page
// faults, throttling.
func look(now func() time.Time) stopwatch {
	return func(run func()) (fast, slow time.Duration) {
		run()
		var times []time.Duration
		start, took := now(), time.Duration(0)
		for len(times) == 0 || took < 150*time.Millisecond && (len(times) < 5 || took < 30*time.Millisecond) {
			run()
			times = append(times, now().Sub(start)-took)
			took += times[len(times)-1]
		}
		slices.Sort(times)
		return times[0], times[len(times)/2] * 4 / 3
	}
}

// probe measures what a run will consist of on this machine.
type probe struct {
	be         backend.Backend
	time       stopwatch
	fast, slow speeds
	most       float64 // operations of a run
	err        error   // the first
}

// set measures run, of so many units, for a part of work.
func (p *probe) set(part func(*speeds) *float64, units float64, run func() error) {
	fast, slow := p.time(func() {
		if err := run(); p.err == nil {
			p.err = err
		}
	})
	*part(&p.fast), *part(&p.slow) = fast.Seconds()/units*1e9, slow.Seconds()/units*1e9
}

// estimate gives the times of the work on a model, and of parts of it: the probe is as short as the
// work where that is.
func estimate(ctx context.Context, be backend.Backend, cfg *model.Config, weights checkpoint.Checkpoint, w work) (at func(work) Seconds, err error) {
	for _, watch := range []stopwatch{glance(time.Now), look(time.Now)} {
		p := &probe{be: be, time: watch}
		p.measure(ctx, cfg, weights, w)
		at = func(w work) Seconds { return Seconds{w.seconds(p.fast), w.seconds(p.slow)} }
		if p.err != nil || at(w).Most < 1 {
			return at, p.err
		}
	}
	return at, nil
}

// measure measures the parts that there are.
func (p *probe) measure(ctx context.Context, cfg *model.Config, weights checkpoint.Checkpoint, w work) {
	p.choose()
	for kind, flops := range w.layers {
		if flops > 0 {
			p.layer(ctx, cfg, kind, w.tokens)
		}
	}
	p.decode(cfg, weights)
	if w.head > 0 {
		p.head(cfg, w.tokens)
	}
	if w.moved > 0 {
		p.state(cfg)
	}
	if w.written > 0 {
		p.encode(w.dtype)
	}
}

// choose lets a run have as many operations as a product makes in 30 ms, within limits.
func (p *probe) choose() {
	product := bench.Linear(256, 256, 256)[0]
	run, free := product.Prepare(p.be)
	defer free()
	fast, _ := p.time(run)
	p.most = min(max(product.Work*float64(30*time.Millisecond)/float64(fast), 1e8), 5e9)
}

// layer is a layer of the model, with fewer heads and channels where it is large, forward
// or with gradients.
func (p *probe) layer(ctx context.Context, cfg *model.Config, kind, tokens int) {
	c, B, T := smallStep(cfg, tokens, p.most)
	gradients := []transformer.Gradients{transformer.NoGradients, transformer.LayerWeights}[kind]
	batch, err := randomBatch(1, B, T, c.VocabSize)
	if err != nil {
		p.err = err
		return
	}
	w := transformer.NewResident(transformer.NewStreamed(p.be, synth.New(c, tensor.F32, 1, 1)))
	defer w.Free()
	tr := transformer.New(p.be, c)
	p.set(func(s *speeds) *float64 { return &s.layers[kind] }, transformer.PassFLOPs(c, batch.Rows(), gradients), func() error {
		if kind == 0 {
			_, err := tr.NLL(ctx, batch, w)
			return err
		}
		_, err := tr.LossAndGrad(ctx, batch, w, discard{})
		return err
	})
}

// smallStep is one layer in the middle of a model, with a vocabulary that takes little beside
// it, and a batch: so much smaller that a pass with gradients has about so many operations.
func smallStep(cfg *model.Config, tokens int, most float64) (c *model.Config, B, T int) {
	l := cfg.Layers[len(cfg.Layers)/2]
	small := *cfg
	c, T = &small, min(tokens, 128)
	flops := func() float64 { return transformer.PassFLOPs(c, T, transformer.LayerWeights) }
	c.Layers, c.VocabSize = []model.Layer{l}, min(cfg.VocabSize, 32)
	shrink := math.Ceil(flops() / most)
	c.Layers[0].KVHeads = max(1, int(float64(l.KVHeads)/shrink))
	c.Layers[0].Heads = c.Layers[0].KVHeads * l.Group()
	c.Layers[0].Intermediate = max(1, int(float64(l.Intermediate)/shrink))
	T = max(2, int(float64(T)*min(1, most/flops()))) // one KV head may be too much
	return c, max(1, min(tokens/T, int(most/flops()))), T
}

// decode reads the weights of that layer from where they are.
func (p *probe) decode(cfg *model.Config, weights checkpoint.Checkpoint) {
	const most = 1 << 22 // scalars, beyond which a tensor less is read
	stored, values := transformer.NewStreamed(p.be, weights), 0
	var params []model.Param
	for _, param := range cfg.LayerParams(len(cfg.Layers) / 2) {
		if values == 0 || values+param.Len() <= most {
			params, values = append(params, param), values+param.Len()
		}
	}
	p.set(func(s *speeds) *float64 { return &s.decoded }, float64(values), func() error {
		for _, param := range params {
			b, err := stored.Weight(param)
			if err != nil {
				return err
			}
			stored.Release(param, b)
		}
		return nil
	})
}

// op times one op of the backend.
func (p *probe) op(part func(*speeds) *float64, op bench.Op, units float64) {
	run, free := op.Prepare(p.be)
	defer free()
	p.set(part, units, func() error { run(); return nil })
}

// head is a product of the head, with a block of its vocabulary, and the loss of its logits.
func (p *probe) head(cfg *model.Config, tokens int) {
	N, V := min(tokens, 256), min(cfg.VocabSize, 2048)
	product := bench.Linear(N, cfg.HiddenSize, V)[0]
	p.op(func(s *speeds) *float64 { return &s.head }, product, product.Work)
	loss := bench.CrossEntropy(N, V)[0]
	p.op(func(s *speeds) *float64 { return &s.logits }, loss, loss.Work)
}

// stateOps are what a step does to each scalar of the state: noise is drawn for the forward and
// the backward pass, added to the weights with delta, and delta and its mean are moved.
var stateOps = map[string]float64{"normal": 2, "perturb": 2, "axpby": 4}

func (p *probe) state(cfg *model.Config) {
	sum := probe{}
	for _, op := range bench.Elements(256, min(cfg.HiddenSize, 4096)) {
		if times := stateOps[op.Name]; times > 0 {
			p.op(func(s *speeds) *float64 { return &s.moved }, op, op.Work/times)
			sum.fast.moved += p.fast.moved
			sum.slow.moved += p.slow.moved
		}
	}
	p.fast.moved, p.slow.moved = sum.fast.moved, sum.slow.moved
}

// encode makes values of a type, on each thread a part of them.
func (p *probe) encode(d tensor.DType) {
	values := make([]float32, 1<<14)
	for i := range values {
		values[i] = float32(math.Sin(float64(i)))
	}
	p.set(func(s *speeds) *float64 { return &s.written }, float64(len(values)*runtime.GOMAXPROCS(0)), func() error {
		tensor.Encode(d, values)
		return nil
	})
}
