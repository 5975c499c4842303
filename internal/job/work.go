package job

import (
	"moreau/internal/eval"
	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Seconds is an estimate of time.
type Seconds struct{ Least, Most float64 }

// work is what a run consists of.
type work struct {
	layers  [2]float64 // operations of the products of the layers: of passes forward alone, and with gradients
	head    float64    // operations of the products of the head
	logits  float64    // values
	decoded float64    // scalars read and decoded
	moved   float64    // scalars of the state, moved by a step
	written float64    // scalars encoded
	dtype   tensor.DType
	tokens  int // of the largest pass
}

// addEval adds measuring perplexity on these passes by a model of configuration cfg.
func (w *work) addEval(cfg *model.Config, passes []eval.Pass) {
	for _, p := range passes {
		w.addPass(cfg, p.B*p.T, transformer.NoGradients, 1)
	}
}

// addPass adds n passes over so many tokens. With gradients layers are gone through twice, and
// the layers' weights read for each.
func (w *work) addPass(cfg *model.Config, tokens int, gradients transformer.Gradients, n int) {
	all, head := transformer.PassFLOPs(cfg, tokens, gradients), transformer.HeadFLOPs(cfg, tokens, gradients)
	kind, reads := 0, 1
	if gradients != transformer.NoGradients {
		kind, reads = 1, 2
	}
	w.tokens = max(w.tokens, tokens)
	w.layers[kind] += float64(n) * (all - head)
	w.head += float64(n) * head
	w.logits += float64(n) * float64(tokens) * float64(cfg.VocabSize)
	w.decoded += float64(n*reads) * float64(cfg.ParamCount())
}

// add adds other work.
func (w *work) add(o work) {
	for kind := range w.layers {
		w.layers[kind] += o.layers[kind]
	}
	w.head, w.logits, w.decoded, w.tokens = w.head+o.head, w.logits+o.logits, w.decoded+o.decoded, max(w.tokens, o.tokens)
}

// addScoring adds a scoring run as planned.
func (w *work) addScoring(s *scoring, p *ScoringPlan) {
	if s.calib == nil {
		w.decoded += float64(s.m.Config.ParamCount())
		return
	}
	atOnce := w.tokens
	w.addPass(s.m.Config, p.Rows*p.SeqLen, s.method.Needs.Gradients, p.Passes)
	if s.method.Needs.Gradients == transformer.NoGradients { // a walk, part by part
		w.tokens = max(atOnce, min(p.Rows*p.SeqLen, importance.WalkTokens))
	}
	if s.method.Needs.Branches {
		w.addBranches(s.m.Config, s.run.Layers, p.Rows*p.SeqLen)
	}
	if p.State != nil {
		for _, param := range p.State.moving {
			w.moved += float64(param.Len() * p.Passes)
		}
	}
}

// addBranches adds a model without each of these layers, which runs from there on.
func (w *work) addBranches(cfg *model.Config, layers model.Range, tokens int) {
	all, head := transformer.PassFLOPs(cfg, tokens, transformer.NoGradients), transformer.HeadFLOPs(cfg, tokens, transformer.NoGradients)
	for l := layers.First; l <= layers.Last; l++ {
		w.layers[0] += (all - head) * float64(len(cfg.Layers)-1-l) / float64(len(cfg.Layers))
		w.head, w.logits = w.head+head, w.logits+float64(tokens)*float64(cfg.VocabSize)
	}
}

// speeds are what the parts of work take, in nanoseconds a unit.
type speeds struct {
	layers                                [2]float64
	head, logits, decoded, moved, written float64
}

// seconds is how long the work takes at these speeds.
func (w work) seconds(s speeds) float64 {
	return (w.layers[0]*s.layers[0] + w.layers[1]*s.layers[1] + w.head*s.head + w.logits*s.logits +
		w.decoded*s.decoded + w.moved*s.moved + w.written*s.written) / 1e9
}

// work is what the run that p plans consists of.
func (j *Prune) work(p PrunePlan) work {
	w := work{written: float64(p.After.ParamCount()), dtype: p.Out.DType, decoded: float64(p.After.ParamCount())}
	w.add(p.Self.work(p.Before))
	if p.Scoring != nil {
		w.addScoring(j.scoring, p.Scoring)
	}
	if p.Refit != nil {
		w.layers[0] += p.Refit.flops
		for _, t := range p.Texts {
			w.addEval(p.After, t.Passes)
		}
	}
	if t := p.Tune; t != nil {
		w.addPass(p.Before, t.tokens, transformer.NoGradients, t.steps)
		w.addPass(p.After, t.tokens, transformer.UnitGradients, t.steps)
		for _, t := range p.Texts {
			w.addEval(p.After, t.Passes)
		}
	}
	for _, t := range p.Texts {
		w.addEval(p.Before, t.Passes)
		w.addEval(p.After, t.Passes)
	}
	return w
}
