package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"moreau/internal/backend"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/prune"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// The units of attention.
const (
	KVGroup   = "kv-group"
	QueryHead = "query-head"
)

// ScoringOptions choose a method, its settings, and the memory that it may take.
type ScoringOptions struct {
	Calib    CalibOptions
	Method   string
	Salience string
	Unit     string // of attention: KVGroup or QueryHead
	Seed     uint64
	Envelope importance.Envelope
	StateOptions
}

// StateOptions bound the memory of a scoring run and say how it survives a crash.
type StateOptions struct {
	Memory       int64  // most bytes to use, 0: no bound
	Scratch      string // folder for a file that holds the state instead of memory; "": none unless Memory or State need it
	State        tensor.DType
	JournalEvery time.Duration // least time between saves of the state
}

// DefaultScoring is the method that measured best once what is left is refitted (docs/results.md); the envelope is that of the published runs.
func DefaultScoring() ScoringOptions {
	return ScoringOptions{Method: "energy", Salience: "element1", Unit: KVGroup, Seed: 1, Calib: CalibOptions{SeqLen: 128},
		StateOptions: StateOptions{State: tensor.F32, JournalEvery: 30 * time.Second},
		Envelope:     importance.Envelope{Steps: 10, Avg: 5, Std: 0.05, LR: 2e-4, Rho: 0.2, Eta: 5e-6}}
}

// Check refuses options that no model could make right.
func (o ScoringOptions) Check() error {
	_, err := o.method()
	return err
}

func (o ScoringOptions) method() (importance.Method, error) {
	method, err := importance.FindMethod(o.Method)
	if err == nil {
		err = method.Check(importance.Options{Salience: o.Salience})
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return method, Usage(err)
	}
	return method, nil
}

func (o ScoringOptions) check() error {
	e := o.Envelope
	switch {
	case !(e.Std >= 0) || !(e.LR > 0) || !(e.Rho > 0) || !(e.Eta >= 0) || math.IsInf(e.Std+e.LR+e.Rho+e.Eta, 0):
		return fmt.Errorf("--std and --eta want 0 or more, --lr and --rho more than 0")
	case e.LR >= e.Rho:
		return fmt.Errorf("--lr %g must be smaller than --rho %g, or the proximal step overshoots", e.LR, e.Rho)
	case o.State != tensor.F32 && o.State != tensor.BF16:
		return fmt.Errorf("--state %q: want f32 or bf16", o.State)
	case o.Unit != KVGroup && o.Unit != QueryHead:
		return fmt.Errorf("--attention-unit %q: want %s or %s", o.Unit, KVGroup, QueryHead)
	}
	return errors.Join(Within("steps", e.Steps, 1, MostSteps), Within("avg", e.Avg, 1, MostSteps), Within("rows", o.Calib.Rows, 0, MostRows), Within("seq-len", o.Calib.SeqLen, 2, MostRows))
}

// passRows are the rows of a pass of the methods that compute gradients, unless others are asked for: the published runs'.
const passRows = 10

// branchRows are those of methods that run a model beside the whole one for each layer.
const branchRows = 32

// rows is how many rows a pass of the method takes.
func (o ScoringOptions) rows(method importance.Method, cfg *model.Config) int {
	switch {
	case o.Calib.Rows > 0:
		return o.Calib.Rows
	case method.Needs.Branches:
		return branchRows
	case method.Needs.Gradients == transformer.NoGradients:
		return enoughRows(cfg, o.Calib.SeqLen)
	}
	return passRows
}

// chooseUnit makes m a model that is scored and cut by the chosen unit of attention.
func (o ScoringOptions) chooseUnit(m *load.Model) error {
	if o.Unit != QueryHead {
		return nil
	}
	if !m.Config.Grouped() {
		return Usage(fmt.Errorf("%s: each KV head has one query head, and one has to stay; cut KV groups, which are heads with their k and v (--units kv-groups)", m.Path))
	}
	m.Config = m.Config.ByQueryHead()
	return nil
}

// scoring is a scoring run whose options are right and whose rows are read.
type scoring struct {
	o      ScoringOptions
	m      *load.Model
	method importance.Method
	run    importance.Options
	calib  *calibration // nil when the method needs none
	dense  *load.Model  // which writes what calib takes of its own text

	dropped prune.Drop // layers of the model given that m lacks; then all others are scored
}

func newScoring(m *load.Model, o ScoringOptions, layers model.Range) (*scoring, error) {
	method, err := o.method()
	if err != nil {
		return nil, err
	}
	s := &scoring{o: o, m: m, dense: m, method: method, run: o.importance(layers)}
	if method.Needs.Calibration {
		o.Calib.Rows = o.rows(method, m.Config)
		s.calib, err = o.Calib.load(m, o.Seed, method.Needs.PassCount(s.run))
	}
	if err == nil && method.Needs.TwoRows && len(s.calib.rows) < 2 {
		err = Input(fmt.Errorf("%s: method %s scores by how rows differ, and there is one; give two or more", s.calib.info.Source, method.Name))
	}
	return s, err
}

// importance are the options that a method takes.
func (o ScoringOptions) importance(layers model.Range) importance.Options {
	e := o.Envelope
	return importance.Options{Salience: o.Salience, Layers: layers, Seed: o.Seed,
		Moreau: moreau.Options{Steps: e.Steps, Avg: e.Avg, Std: e.Std, Absolute: e.Absolute, LR: e.LR, Rho: e.Rho, Eta: e.Eta}}
}

// manifest says how the scores come about, but for the kernels and the losses.
func (s *scoring) manifest() importance.Manifest {
	m := importance.Manifest{Model: s.m.Path, Method: s.o.Method, Seed: s.o.Seed, Layers: s.run.Layers.String()}
	if len(s.dropped) > 0 {
		m.Dropped, m.Layers = s.dropped, model.Range{Last: len(s.m.Config.Layers) + len(s.dropped) - 1}.String()
	}
	if s.m.Config.QueryHeads {
		m.Unit = s.o.Unit
	}
	if s.calib == nil {
		return m
	}
	m.Calibration = &s.calib.info
	if s.method.Needs.Gradients == transformer.LayerWeights {
		m.Salience = s.o.Salience
	}
	if s.method.Needs.Envelope {
		e := s.o.Envelope
		if s.o.State == tensor.BF16 {
			e.State = "bf16"
		}
		m.Envelope = &e
	}
	return m
}

// journal is that of the run, nil for none. Other kernels make another run.
func (s *scoring) journal(be backend.Backend, p *ScoringPlan, progress Progress) *moreau.Journal {
	manifest := p.Manifest
	manifest.Backend = be.Name()
	return p.State.journal(s.m, manifest, progress)
}

// execute computes the scores and completes the manifest. The files of the journal stay,
// until the caller has written what it makes of the scores.
func (s *scoring) execute(ctx context.Context, be backend.Backend, p *ScoringPlan, progress Progress) (importance.Scores, importance.Manifest, error) {
	if s.calib != nil {
		if err := s.calib.draw(ctx, be, s.dense, p.self, progress); err != nil {
			return nil, p.Manifest, err
		}
	}
	manifest := p.Manifest
	manifest.Backend = be.Name()
	total, done := int64(s.method.Needs.LayerRuns(s.m.Config, s.run)), int64(0)
	at := func(n int64) { done = min(n, total); progress.At(done) }
	progress.Begin(Scoring, s.o.Method, total)
	last := math.NaN()
	run := importance.Run{Backend: be, Config: s.m.Config, Weights: transformer.NewStreamed(be, s.m.Weights), Options: s.run,
		Keep: p.Keep, Scratch: p.State.scratchFile(), Journal: s.journal(be, p, progress),
		OnLayer: func() { at(done + 1) },
		Progress: func(pass, passes int, loss float64) {
			at(max(done, total*int64(pass)/int64(passes)))
			manifest.Trace = append(manifest.Trace, importance.TraceStep{Pass: pass, Loss: loss})
			last = loss
		}}
	if s.calib != nil {
		run.Batch = s.calib.batch
	}
	scores, err := s.method.Score(ctx, run)
	be.Trim() // the writer's turn
	if err != nil {
		return nil, manifest, Blame(s.m, err)
	}
	progress.End(last)
	return scores, manifest, nil
}
