package transformer

import (
	"context"
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/model"
)

// pass is one run over a batch: forward, and backward when a gradient is wanted.
type pass struct {
	*Transformer
	b         Batch
	weights   WeightSource
	sink      GradSink // of weights, or nil
	tap       Tap      // or nil
	teacher   backend.Buffer
	backwards bool // there is a backward pass

	cache      *kvCache           // of a Session, else nil
	segments   []*segment         // of Score: the one sequence of the batch is many, else nil
	vocabBlock int                // entries of the vocabulary whose logits exist at once; 0: as memory has room
	stream     []backend.Buffer   // residual stream before each layer, [N, C]; forward only: the last one
	kept       map[int]*layerActs // activations of layers from keepFrom on, when there is a backward pass
	keptLogits []backend.Buffer   // logits by blocks of the vocabulary, when they are kept
	mid        backend.Buffer     // of a Walk between the halves of a layer: the stream after attention
	dx         backend.Buffer     // gradient of the residual stream, [N, C]
	dtied      backend.Buffer     // gradient of a tied embedding, carried from the head to the embedding
}

// newPass is a pass over b, whose rows are all or a part of sequences of so many tokens.
func (t *Transformer) newPass(b Batch, tokens int, w WeightSource, watch Watch) *pass {
	t.growTables(tokens)
	p := &pass{Transformer: t, b: b, weights: withOffset(t.be, t.cfg, w), sink: watch.Sink, tap: watch.Tap, teacher: watch.Teacher, kept: map[int]*layerActs{}}
	_, tapped := p.firstTapped()
	p.backwards = p.sink != nil || tapped
	return p
}

// run is the whole pass.
func (p *pass) run(ctx context.Context) (Predictions, error) {
	if err := p.forward(ctx); err != nil {
		return Predictions{}, err
	}
	predictions, err := p.lossHead(ctx)
	if err == nil && p.backwards {
		err = p.backward(ctx)
	}
	return predictions, err
}

// end is err, or the failure of the backend that may be behind it.
func (p *pass) end(err error) error {
	if failure := p.be.Sync(); failure != nil {
		return fmt.Errorf("%s failed: %w", p.be.Name(), failure)
	}
	return err
}

// wants says whether the gradient of a parameter is to be computed.
func (p *pass) wants(param model.Param) bool { return p.sink != nil && p.sink.Wants(param) }

func (p *pass) new(n int) backend.Buffer { return p.be.New(n) }

func (p *pass) release(bs ...backend.Buffer) {
	for _, b := range bs {
		if b != nil {
			p.be.Free(b)
		}
	}
}

func (p *pass) free() {
	p.release(p.stream...)
	p.release(p.keptLogits...)
	p.release(p.mid, p.dx, p.dtied)
	for _, a := range p.kept {
		p.releaseActs(a)
	}
}

func (p *pass) releaseActs(a *layerActs) {
	p.releaseNorms(a.qn, a.kn, a.on, a.dn)
	p.releasePreNorm(a.n1, a.xn1)
	p.releasePreNorm(a.n2, a.xn2)
	p.release(a.q, a.k, a.v, a.att, a.lse, a.xmid, a.gate, a.up, a.act)
}

func (p *pass) layerDone() {
	if p.OnLayer != nil {
		p.OnLayer()
	}
}

// with runs f on the weights of one parameter.
func (p *pass) with(param model.Param, f func(w backend.Buffer) error) error {
	w, err := p.weights.Weight(param)
	if err != nil {
		return err
	}
	defer p.weights.Release(param, w)
	return f(w)
}

// forward fills stream. Without a backward pass only its last entry is kept.
func (p *pass) forward(ctx context.Context) error {
	if err := p.embed(); err != nil {
		return err
	}
	x := p.stream[0]
	keepFrom := p.keepFrom()
	for l := range p.cfg.Layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		lw, err := p.loadLayer(l, p.after(l))
		if err != nil {
			return err
		}
		out := p.new(x.Len())
		a := p.layerForward(l, lw, x, out)
		p.releaseLayer(lw)
		err = p.showLayer(l, a)
		if l >= keepFrom {
			p.kept[l] = a
		} else {
			p.releaseActs(a)
		}
		if !p.backwards {
			p.release(p.stream...)
			p.stream = p.stream[:0]
		}
		p.stream = append(p.stream, out)
		x = out
		if err != nil {
			return err
		}
		p.layerDone()
	}
	return p.show(len(p.cfg.Layers), Residual, x, nil)
}

// embed begins the residual stream.
func (p *pass) embed() error {
	C := p.cfg.HiddenSize
	x := p.new(p.b.Rows() * C)
	p.stream = append(p.stream, x)
	return p.with(p.embedding(), func(w backend.Buffer) error {
		p.be.EmbeddingForward(x, w, p.b.ids, C)
		p.scaleEmbedding(x)
		return nil
	})
}

// backward runs after lossHead, which left the gradient of the last residual
// stream in dx. It stops at the first layer that anybody wants a gradient of.
func (p *pass) backward(ctx context.Context) error {
	if err := p.show(len(p.cfg.Layers), Residual, p.stream[len(p.cfg.Layers)], p.dx); err != nil {
		return err
	}
	first := p.firstWanted()
	for l := len(p.cfg.Layers) - 1; l >= first; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.layerAgain(l); err != nil {
			return err
		}
		p.layerDone()
	}
	return p.embeddingBackward()
}

// keepLogits says whether the logits are kept for the backward pass: of all that
// may be, they save most work a byte.
func (p *pass) keepLogits() bool { return p.backwards && p.logitsBytes() <= p.KeepBytes }

func (p *pass) logitsBytes() int64 { return 4 * int64(p.b.Rows()) * int64(p.cfg.VocabSize) }

// keepFrom is the first layer whose activations are kept for the backward pass.
func (p *pass) keepFrom() int {
	l, room := len(p.cfg.Layers), p.KeepBytes
	if p.keepLogits() {
		room -= p.logitsBytes()
	}
	for p.backwards && l > 0 {
		room -= p.actBytes(l - 1)
		if room < 0 {
			break
		}
		l--
	}
	return l
}

// layerAgain computes the gradients of a layer from its activations, which it
// computes once more unless they were kept.
func (p *pass) layerAgain(l int) error {
	lw, err := p.loadLayer(l, p.before(l))
	if err != nil {
		return err
	}
	defer p.releaseLayer(lw)
	a := p.kept[l]
	delete(p.kept, l)
	if a == nil {
		a = p.layerForward(l, lw, p.stream[l], nil)
	}
	defer p.releaseActs(a)
	return p.layerBackward(l, lw, a, p.dx)
}

// firstWanted is the lowest layer the backward pass must reach.
func (p *pass) firstWanted() int {
	first, _ := p.firstTapped()
	for _, param := range p.cfg.Params() {
		if param.Role != model.FinalNorm && param.Role != model.Head && p.wants(param) {
			return min(first, max(0, param.Layer))
		}
	}
	return first
}

func (p *pass) embeddingBackward() error {
	e := p.embedding()
	if !p.wants(e) {
		return nil
	}
	d, apart := p.dtied, p.dtied == nil || p.blocks() > 1
	if apart {
		d = p.new(e.Len())
		defer p.release(d)
	}
	p.scaleEmbedding(p.dx)
	p.sum(d, func(d backend.Buffer, _, lo, hi int) {
		p.be.EmbeddingBackward(d, p.rowsOf(p.dx, lo, hi), p.b.ids[lo:hi], p.cfg.HiddenSize)
	})
	if apart && p.dtied != nil {
		p.be.Axpby(d, 1, p.dtied, 1)
	}
	return p.sink.Grad(e, d)
}
