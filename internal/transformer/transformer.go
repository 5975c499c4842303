// Package transformer runs a decoder on a backend: loss, gradients, logits and
// generation. It holds no weights. It asks a WeightSource for the weights of a
// parameter when it reaches it, forward and again backward, and hands each
// gradient to a GradSink as soon as it is known; between layers only the
// residual stream is kept; a layer's activations are computed again in the
// backward pass, unless KeepBytes has room for them. So memory does not grow with
// the model's depth beyond one residual stream a layer.
package transformer

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// WeightSource gives weights. Both methods are called from one goroutine.
type WeightSource interface {
	// Weight returns the values of p, row-major, valid until Release. It may be
	// asked for the same parameter more than once in a pass and must give the
	// same values each time.
	Weight(p model.Param) (backend.Buffer, error)
	// Release says that b, which Weight returned for p, is not needed any more.
	Release(p model.Param, b backend.Buffer)
}

// GradSink takes gradients, one call a parameter and pass, in backward order.
type GradSink interface {
	// Wants says whether the gradient of p is to be computed at all.
	Wants(p model.Param) bool
	// Grad receives d loss / d p. The buffer is only valid during the call; the
	// sink may change it.
	Grad(p model.Param, grad backend.Buffer) error
}

// Watch is what a pass gives away beside its predictions.
type Watch struct {
	Sink GradSink // nil: no gradients of weights
	Tap  Tap      // nil: no activations

	// Teacher, unless nil, is what Normed gave of the batch for another model with the same head. The loss is then the
	// divergence of what that predicts from what this model does, KL(teacher || this) in nats a predicted token, instead of cross-entropy.
	Teacher backend.Buffer
}

// Predictions are what a pass says of each position, [B*T].
type Predictions struct {
	NLL  []float64 // -log p of the next token, 0 where there is none
	Best []int32   // the most likely token, the lowest of equals; -1 where there is no next one
	KL   []float64 // with a teacher, KL(teacher || this), 0 where there is no next token; then NLL and Best are nil
}

// Transformer is the forward and backward pass of one configuration.
type Transformer struct {
	cfg   *model.Config
	be    backend.Backend
	turns rotations

	params parameters

	// KeepBytes is memory for what the backward pass then need not compute again: the
	// logits, and the activations of as many of the last layers as fit. Results are
	// the same bits.
	KeepBytes int64

	// Blocks is how many blocks of whole sequences the gradients of weights are summed
	// over, in a fixed binary tree; 0 and 1: all sequences at once.
	Blocks int

	// OnLayer, if set, is called after each layer of a pass: len(Layers) times
	// forward and at most as often backward.
	OnLayer func()
}

// New makes a transformer; weights come with each call.
func New(be backend.Backend, cfg *model.Config) *Transformer {
	return &Transformer{cfg: cfg, be: be, turns: newRotations(cfg)}
}

// Config is the geometry the transformer was made for.
func (t *Transformer) Config() *model.Config { return t.cfg }

// Pass runs a batch forward, and backward if a gradient is wanted.
func (t *Transformer) Pass(ctx context.Context, b Batch, w WeightSource, watch Watch) (Predictions, error) {
	p := t.newPass(b, b.T, w, watch)
	defer p.free()
	predictions, err := p.run(ctx)
	return predictions, p.end(err)
}

// Normed is what the model gives its head of a batch, [B*T, C]: for Watch.Teacher, and for the caller to free.
func (t *Transformer) Normed(ctx context.Context, b Batch, w WeightSource) (backend.Buffer, error) {
	p := t.newPass(b, b.T, w, Watch{})
	defer p.free()
	err := p.forward(ctx)
	var h, rstd backend.Buffer
	if err == nil {
		h, rstd, err = p.normed()
		p.release(rstd)
	}
	if err = p.end(err); err != nil {
		p.release(h)
		return nil, err
	}
	return h, nil
}

// Loss is the mean next-token cross-entropy of a batch, in nats.
func (t *Transformer) Loss(ctx context.Context, b Batch, w WeightSource) (float64, error) {
	return t.LossAndGrad(ctx, b, w, nil)
}

// NLL is -log p of each next token, [B*T], 0 where a position has no next token.
func (t *Transformer) NLL(ctx context.Context, b Batch, w WeightSource) ([]float64, error) {
	p, err := t.Pass(ctx, b, w, Watch{})
	return p.NLL, err
}

// LossAndGrad is the mean next-token cross-entropy of a batch, in nats, and its
// gradient with respect to every parameter that sink wants.
func (t *Transformer) LossAndGrad(ctx context.Context, b Batch, w WeightSource, sink GradSink) (float64, error) {
	p, err := t.Pass(ctx, b, w, Watch{Sink: sink})
	return b.Loss(p.NLL), err
}

// Logits writes the logits [B*T, V] of a batch to emit, in row order, some rows
// at a time; the slice is only valid during the call.
func (t *Transformer) Logits(ctx context.Context, b Batch, w WeightSource, emit func(rows []float32) error) error {
	p := t.newPass(b, b.T, w, Watch{})
	defer p.free()
	err := p.forward(ctx)
	if err == nil {
		err = p.eachLogits(ctx, func(logits backend.Buffer, lo, hi int) error {
			host := make([]float32, logits.Len())
			t.be.Download(host, logits)
			return emit(host)
		})
	}
	return p.end(err)
}
