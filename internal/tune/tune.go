// Package tune repairs what a cut leaves by other scales of what its units give to the rest of the model: a
// gate on each column of o and down, found by gradient descent on the divergence of what the dense model predicts from
// what is left predicts. All weights stay frozen; gates end as factors of the columns, so that no tensor is added.
package tune

import (
	"context"
	"errors"
	"fmt"
	"math"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Tune is the stage behind a cut. Gates with a KL objective under frozen weights are those of DDP (arXiv 2603.08065), which
// chooses the units by them; here these are what a cut left, and gates are positive: exp of what is learnt.
type Tune struct {
	Dense   stage.Model         // what is left is led to what this predicts; the same head
	Steps   []transformer.Batch // the rows of each step
	Backend backend.Backend
	Done    func(step int, kl float64) // after each step, with the divergence before it, in nats a token; may be nil
	Journal *Journal                   // nil: an interrupted run is lost

	Gates map[string][]float32 // of the columns of o and down, by name; nil before the run
}

// Estimate implements stage.Stage: sizes stay. Memory is found by a step on a backend that counts.
func (t *Tune) Estimate(c *model.Config) (e stage.Estimate, err error) {
	e.After = c
	var largest transformer.Batch
	for _, b := range t.Steps {
		e.FLOPs += transformer.PassFLOPs(t.Dense.Config, b.Rows(), transformer.NoGradients) + transformer.PassFLOPs(c, b.Rows(), transformer.UnitGradients)
		if b.Rows() > largest.Rows() {
			largest = b
		}
	}
	if len(t.Steps) == 0 {
		return e, nil
	}
	be := dry.New()
	d := newDescent(be, t.Dense.Config, transformer.NewDry(be, t.Dense.Weights), c, transformer.NewDry(be, t.Dense.Weights))
	_, err = d.step(context.Background(), largest)
	e.Bytes = be.Peak()
	return e, err
}

// Run implements stage.Stage.
func (t *Tune) Run(ctx context.Context, m stage.Model) (stage.Model, error) {
	if t.Gates == nil {
		if err := t.learn(ctx, m); err != nil {
			return m, err
		}
	}
	var infos []checkpoint.Info
	for _, info := range m.Weights.Tensors() {
		if t.Gates[info.Name] != nil {
			info.DType = info.DType.Unpacked()
			infos = append(infos, info)
		}
	}
	from := m.Weights
	var err error
	m.Weights, err = checkpoint.Override(from, infos, func(name string) (tensor.Tensor, error) {
		return scaled(from, name, t.Gates[name])
	})
	return m, err
}

// scaled is a matrix with its columns times gates.
func scaled(from checkpoint.Checkpoint, name string, gates []float32) (tensor.Tensor, error) {
	w, err := from.Read(name)
	if err != nil {
		return w, err
	}
	if len(gates) != w.Shape[1] {
		return w, fmt.Errorf("%s: %d gates of %d columns", name, len(gates), w.Shape[1])
	}
	values := w.Float32()
	for i := range values {
		values[i] *= gates[i%len(gates)]
	}
	return tensor.FromFloat32(w.DType.Unpacked(), w.Shape, values), nil
}

// Spread makes gates of what a cut leaves those of the model before it, which has configuration c: 1 on the columns that go.
func Spread(gates map[string][]float32, c *model.Config, cut prune.Cut) map[string][]float32 {
	spread := map[string][]float32{}
	for _, p := range c.Params() {
		left := gates[p.Name]
		if left == nil {
			continue
		}
		gone := cut.Columns(p)
		for j := range p.Axes[1].Size() {
			g := float32(1)
			if len(gone) > 0 && gone[0] == j {
				gone = gone[1:]
			} else {
				g, left = left[0], left[1:]
			}
			spread[p.Name] = append(spread[p.Name], g)
		}
	}
	return spread
}

// learn finds the gates.
func (t *Tune) learn(ctx context.Context, m stage.Model) error {
	d := newDescent(t.Backend, t.Dense.Config, transformer.NewStreamed(t.Backend, t.Dense.Weights), m.Config, transformer.NewStreamed(t.Backend, m.Weights))
	first, kl := t.Journal.restore(d.gates)
	if first > 0 {
		t.done(first, kl)
	}
	for i := first; i < len(t.Steps); i++ {
		now, err := d.step(ctx, t.Steps[i])
		if err != nil {
			return errors.Join(err, t.Journal.keep(d.gates, i, kl, true))
		}
		kl = now
		d.gates.descend(i+1, rate(i, len(t.Steps)))
		if err := t.Journal.keep(d.gates, i+1, kl, i+1 == len(t.Steps)); err != nil {
			return err
		}
		t.done(i+1, kl)
	}
	t.Gates = d.gates.factors
	return nil
}

func (t *Tune) done(step int, kl float64) {
	if t.Done != nil {
		t.Done(step, kl)
	}
}

// descent is what a step is made of.
type descent struct {
	be               backend.Backend
	teacher, student *transformer.Transformer
	dense            transformer.WeightSource
	gates            *gates
}

func newDescent(be backend.Backend, of *model.Config, dense transformer.WeightSource, c *model.Config, left transformer.WeightSource) *descent {
	return &descent{be, transformer.New(be, of), transformer.New(be, c), dense, newGates(c, be, left)}
}

// step finds the gradient of each gate on b, and the divergence.
func (d *descent) step(ctx context.Context, b transformer.Batch) (kl float64, err error) {
	h, err := d.teacher.Normed(ctx, b, d.dense)
	if err != nil {
		return 0, err
	}
	defer d.be.Free(h)
	p, err := d.student.Pass(ctx, b, d.gates, transformer.Watch{Tap: d.gates, Teacher: h})
	if err != nil {
		return 0, err
	}
	kl = b.Loss(p.KL)
	return kl, transformer.Finite("the divergence from the dense model", kl)
}

// mostRate is the largest step of a gate's logarithm: 0.05 measured worse (docs/results.md).
const mostRate = 0.02

// rate rises over the first tenth of the steps and falls to nothing by a cosine.
func rate(step, steps int) float64 {
	warm := float64(steps) / 10
	if x := float64(step) + 1; x < warm {
		return mostRate * x / warm
	}
	return mostRate / 2 * (1 + math.Cos(math.Pi*float64(step)/float64(steps)))
}
