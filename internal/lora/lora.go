// Package lora gives back what a cut took by low-rank adapters (Hu et al., arXiv 2106.09685): each matrix W becomes W + s·B·A, where
// A and B are learnt on a text while all else stays as it is. They are led to what the dense model predicts (the divergence of
// the predictions, in nats a token), or to the next tokens of the text, and end as part of the matrices: no tensor is added.
package lora

import (
	"context"
	"errors"
	"math"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Settings are those of adapters and of how they are learnt.
type Settings struct {
	Rank   int
	Alpha  float64      // what B·A is multiplied by, times the rank
	Stable bool         // times its root instead (rsLoRA: Kalajdzievski, arXiv 2312.03732)
	Roles  []model.Role // of the matrices that get one
	Rate   float64      // of AdamW, at most
	Seed   uint64       // of A
}

// Scale is the factor s of B·A.
func (s Settings) Scale() float64 {
	if s.Stable {
		return s.Alpha / math.Sqrt(float64(s.Rank))
	}
	return s.Alpha / float64(s.Rank)
}

// Trained is how many scalars of a model of configuration c are learnt.
func (s Settings) Trained(c *model.Config) (n int64) {
	for _, p := range c.Params() {
		if s.adapts(p) {
			n += int64(s.Rank) * int64(p.Axes[0].Size()+p.Axes[1].Size())
		}
	}
	return n
}

// Recovery is the stage that learns adapters and adds them to the matrices.
type Recovery struct {
	Settings
	Dense   *stage.Model        // whose predictions are learnt, with the same head; nil: the next tokens are
	Steps   []transformer.Batch // the rows of each step
	HeldOut []transformer.Batch // rows by which the best of Checks moments is kept, or the model as it was
	Backend backend.Backend
	Done    func(step int, loss float64)    // after each step, with the loss before it, in nats a token; may be nil
	Checked func(step int, heldOut float64) // at each of those moments, with the loss on HeldOut; may be nil
	Journal *Journal                        // nil: an interrupted run is lost

	Result *Result // nil before the run
}

// Checks is how often the loss on held-out rows is measured, but for the one before the first step.
const Checks = 8

// Result is what a run came to.
type Result struct {
	Adapters map[string]Adapter // of the moment with the least held-out loss; nil: that was before the first step
	Losses   []float64          // of each step
	HeldOut  []float64          // at each check
	Best     int                // check
	Broke    int                // step whose loss is not finite, with which learning ended; 0: none is
}

// passTokens is how many tokens of a step go through the models at a time.
const passTokens = 1024

// Estimate implements stage.Stage: sizes stay. Memory is found by a step on a backend that counts.
func (r *Recovery) Estimate(c *model.Config) (e stage.Estimate, err error) {
	e.After = c
	of := func(b transformer.Batch, g transformer.Gradients) {
		e.FLOPs += transformer.PassFLOPs(c, b.Rows(), g)
		if r.Dense != nil {
			e.FLOPs += transformer.PassFLOPs(r.Dense.Config, b.Rows(), transformer.NoGradients)
		}
	}
	var largest transformer.Batch
	for _, b := range r.Steps {
		of(b, transformer.UnitGradients)
		if b.Rows() > largest.Rows() {
			largest = b
		}
	}
	for range Checks + 1 {
		for _, b := range r.HeldOut {
			of(b, transformer.NoGradients)
		}
	}
	if len(r.Steps) == 0 {
		return e, nil
	}
	be := dry.New()
	d := r.newDescent(be, c, transformer.NewDry(be, sizes{c}), func(m stage.Model) transformer.WeightSource { return transformer.NewDry(be, m.Weights) })
	_, err = d.step(context.Background(), largest)
	e.Bytes = be.Peak()
	return e, err
}

// sizes is a checkpoint of float32 matrices that nobody reads.
type sizes struct{ c *model.Config }

func (s sizes) Tensors() (infos []checkpoint.Info) {
	for _, p := range s.c.Params() {
		infos = append(infos, checkpoint.Info{Name: p.Name, DType: tensor.F32, Shape: p.Shape()})
	}
	return infos
}

func (sizes) Read(string) (tensor.Tensor, error) {
	return tensor.Tensor{}, errors.New("lora: sizes alone are known")
}
func (sizes) Close() error { return nil }

// Run implements stage.Stage.
func (r *Recovery) Run(ctx context.Context, m stage.Model) (stage.Model, error) {
	if r.Result == nil {
		if err := r.learn(ctx, m); err != nil {
			return m, err
		}
	}
	return r.Merged(ctx, m)
}

// Merged is m with what was learnt as part of its matrices; before the run, with matrices of the types that these will have, not to be read.
func (r *Recovery) Merged(ctx context.Context, m stage.Model) (stage.Model, error) {
	if r.Result != nil {
		return Merge(r.Result.Adapters).Run(ctx, m)
	}
	all := Merge{}
	for _, p := range m.Config.Params() {
		if r.adapts(p) {
			all[p.Name] = Adapter{}
		}
	}
	return all.Run(ctx, m)
}

// learn finds the adapters.
func (r *Recovery) learn(ctx context.Context, m stage.Model) error {
	d := r.newDescent(r.Backend, m.Config, transformer.NewStreamed(r.Backend, m.Weights), func(m stage.Model) transformer.WeightSource {
		return transformer.NewStreamed(r.Backend, m.Weights)
	})
	defer d.adapters.free()
	now := r.Journal.restore(d.adapters)
	if n := len(now.Losses); n > 0 {
		r.done(n, now.Losses[n-1])
	}
	for {
		step := len(now.Losses)
		if r.checks(step) && len(now.HeldOut) <= r.check(step) {
			if err := r.measure(ctx, d, now); err != nil {
				return errors.Join(err, r.Journal.keep(d.adapters, now, true))
			}
		}
		if step == len(r.Steps) {
			break
		}
		loss, err := d.step(ctx, r.Steps[step])
		if errors.Is(err, transformer.ErrNotFinite) && now.Best > 0 {
			now.Broke = step + 1
			break
		}
		if err != nil {
			d.forget()
			return errors.Join(err, r.Journal.keep(d.adapters, now, true))
		}
		d.adapters.descend(step+1, r.rate(step))
		now.Losses = append(now.Losses, loss)
		if err := r.Journal.keep(d.adapters, now, step+1 == len(r.Steps)); err != nil {
			return err
		}
		r.done(step+1, loss)
	}
	r.Result = now
	return nil
}

// checks says whether held-out rows are measured behind so many steps, and check which measurement that is.
func (r *Recovery) checks(step int) bool { return r.check(step) > r.check(step-1) || step == 0 }

func (r *Recovery) check(step int) int {
	if step < 0 {
		return -1
	}
	return step * Checks / len(r.Steps)
}

// measure takes the loss on held-out rows, and keeps the adapters if it is the least.
func (r *Recovery) measure(ctx context.Context, d *descent, now *Result) error {
	var sum float64
	targets := 0
	for _, b := range r.HeldOut {
		loss, err := d.loss(ctx, b, nil)
		if err != nil {
			return err
		}
		sum, targets = sum+loss*float64(b.Targets()), targets+b.Targets()
	}
	loss := sum / float64(targets)
	now.HeldOut = append(now.HeldOut, loss)
	if at := len(now.HeldOut) - 1; loss < now.HeldOut[now.Best] {
		now.Best, now.Adapters = at, d.adapters.learnt()
	}
	if r.Checked != nil {
		r.Checked(len(now.Losses), loss)
	}
	return nil
}

func (r *Recovery) done(step int, loss float64) {
	if r.Done != nil {
		r.Done(step, loss)
	}
}

// adapts says whether a matrix gets an adapter.
func (s Settings) adapts(p model.Param) bool {
	return slices.Contains(s.Roles, p.Role)
}

// warmUp is the part of the steps over which the rate rises; from there it falls to nothing by a cosine.
const warmUp = 0.1

func (r *Recovery) rate(step int) float64 {
	steps := float64(len(r.Steps))
	warm := math.Ceil(warmUp * steps)
	if x := float64(step) + 1; x <= warm {
		return r.Rate * x / warm
	}
	return r.Rate / 2 * (1 + math.Cos(math.Pi*(float64(step)+1-warm)/(steps-warm)))
}

// descent is what a step is made of.
type descent struct {
	be               backend.Backend
	teacher, student *transformer.Transformer // teacher nil: there is none
	dense            transformer.WeightSource
	adapters         *adapters
}

func (r *Recovery) newDescent(be backend.Backend, c *model.Config, w transformer.WeightSource, source func(stage.Model) transformer.WeightSource) *descent {
	d := &descent{be: be, student: transformer.New(be, c), adapters: newAdapters(be, c, w, r.Settings)}
	if r.Dense != nil {
		d.teacher, d.dense = transformer.New(be, r.Dense.Config), source(*r.Dense)
	}
	return d
}

// step adds up the gradients of a batch, in parts, and gives its loss.
func (d *descent) step(ctx context.Context, b transformer.Batch) (loss float64, err error) {
	for _, part := range b.Parts(passTokens) {
		of, err := d.loss(ctx, part, d.adapters)
		if err != nil {
			return 0, err
		}
		loss += of
	}
	return loss, transformer.Finite("the loss", loss)
}

// loss is that of a batch, or its share of what it is a part of; its gradients go to sink, which may be nil.
func (d *descent) loss(ctx context.Context, b transformer.Batch, sink transformer.GradSink) (float64, error) {
	watch := transformer.Watch{Sink: sink}
	if d.teacher != nil {
		h, err := d.teacher.Normed(ctx, b, d.dense)
		if err != nil {
			return 0, err
		}
		defer d.be.Free(h)
		watch.Teacher = h
	}
	p, err := d.student.Pass(ctx, b, d.adapters, watch)
	if err != nil {
		return 0, err
	}
	if d.teacher != nil {
		return b.Loss(p.KL), nil
	}
	return b.Loss(p.NLL), nil
}

// forget drops the gradients of a step that was not finished.
func (d *descent) forget() {
	for v := range d.adapters.each() {
		d.be.Zero(v.grad)
	}
}
