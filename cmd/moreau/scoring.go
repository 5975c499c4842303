package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// scoreOptions choose a method and its settings; score and prune share them.
type scoreOptions struct {
	Calib    calibOptions
	Method   string
	Salience string
	Unit     string // of attention
	Envelope importance.Envelope
	resourceOptions
}

// defaultScoreOptions are the settings of the published runs.
func defaultScoreOptions() scoreOptions {
	return scoreOptions{Method: "moreau", Salience: "element1", Unit: kvGroup, resourceOptions: resourceOptions{State: stateF32}, Calib: calibOptions{Rows: 10, SeqLen: 128},
		Envelope: importance.Envelope{Steps: 10, Avg: 5, Std: 0.05, LR: 2e-4, Rho: 0.2, Eta: 5e-6}}
}

func (o *scoreOptions) AddFlags(cmd *cobra.Command) {
	*o = defaultScoreOptions()
	o.Calib.AddFlags(cmd)
	f, e := cmd.Flags(), &o.Envelope
	f.StringVar(&o.Method, "method", o.Method, "importance: "+strings.Join(importance.MethodNames(), ", "))
	f.StringVar(&o.Salience, "salience", o.Salience, "form of the Taylor term: element1, vector, element2, mix")
	f.StringVar(&o.Unit, "attention-unit", o.Unit, attentionUnitUsage)
	f.IntVar(&e.Steps, "steps", e.Steps, "iterations of the envelope methods")
	f.IntVar(&e.Avg, "avg", e.Avg, "last iterates that are averaged")
	f.Float64Var(&e.Std, "std", e.Std, "noise, relative to each weight")
	f.BoolVar(&e.Absolute, "absolute-noise", e.Absolute, "--std is the noise itself, the same for every weight")
	f.Float64Var(&e.LR, "lr", e.LR, "step size of the iteration")
	f.Float64Var(&e.Rho, "rho", e.Rho, "proximal parameter of the envelope")
	f.Float64Var(&e.Eta, "eta", e.Eta, "threshold of moreau-gs and moreau-compat")
	o.resourceOptions.AddFlags(cmd)
}

// scoring is a scoring run that has been checked and can be planned or executed.
type scoring struct {
	opts     scoreOptions
	method   importance.Method
	calib    *calibration // nil when the method needs none
	manifest importance.Manifest
	run      importance.Options
	scratch  *moreau.ScratchFile // of the state; nil: memory
	keep     int64               // bytes of activations that --memory has room for
	journal  *moreau.Journal     // nil: a crash loses the run
}

// find checks everything that needs no model.
func (o scoreOptions) find() (importance.Method, error) {
	method, err := importance.FindMethod(o.Method)
	if err == nil {
		err = method.Check(importance.Options{Salience: o.Salience})
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return method, usageError{err}
	}
	return method, nil
}

func (o scoreOptions) prepare(m *load.Model, layers model.Range, g *globals) (*scoring, error) {
	method, err := o.find()
	if err != nil {
		return nil, err
	}
	e := o.Envelope
	s := &scoring{opts: o, method: method, run: importance.Options{Salience: o.Salience, Layers: layers, Seed: g.Seed,
		Moreau: moreau.Options{Steps: e.Steps, Avg: e.Avg, Std: e.Std, Absolute: e.Absolute, LR: e.LR, Rho: e.Rho, Eta: e.Eta}}}
	s.manifest = importance.Manifest{Model: m.Path, Method: o.Method, Seed: g.Seed, Layers: layers.String()}
	if m.Config.QueryHeads {
		s.manifest.Unit = o.Unit
	}
	if !method.Needs.Calibration {
		return s, nil
	}
	if method.Needs.Gradients == transformer.LayerWeights {
		s.manifest.Salience = o.Salience
	}
	if method.Needs.Envelope {
		if o.State == stateBF16 {
			e.State = o.State
		}
		s.manifest.Envelope = &e
	}
	if s.calib, err = o.Calib.load(m, g.Seed, s.passes()); err != nil {
		return nil, err
	}
	s.manifest.Calibration = &s.calib.info
	return s, nil
}

func (o scoreOptions) check() error {
	e := o.Envelope
	switch {
	case !(e.Std >= 0) || !(e.LR > 0) || !(e.Rho > 0) || !(e.Eta >= 0) || math.IsInf(e.Std+e.LR+e.Rho+e.Eta, 0):
		return fmt.Errorf("--std and --eta want 0 or more, --lr and --rho more than 0")
	case e.LR >= e.Rho:
		return fmt.Errorf("--lr %g must be smaller than --rho %g, or the proximal step overshoots", e.LR, e.Rho)
	}
	if o.State != stateF32 && o.State != stateBF16 {
		return fmt.Errorf("--state %q: want f32 or bf16", o.State)
	}
	if err := o.checkUnit(); err != nil {
		return err
	}
	return errors.Join(within("steps", e.Steps, 1, mostSteps), within("avg", e.Avg, 1, mostSteps), o.Calib.check())
}

func (s *scoring) passes() int { return s.method.Needs.PassCount(s.run) }

// execute computes the scores, with a progress line.
func (s *scoring) execute(ctx context.Context, m *load.Model, be backend.Backend, stderr io.Writer) (importance.Scores, importance.Manifest, error) {
	manifest := s.manifest
	manifest.Backend = be.Name()
	bar := newProgress(stderr, "scoring ("+s.opts.Method+")", int64(s.passes()*2*len(m.Config.Layers)))
	last := math.NaN()
	run := importance.Run{Backend: be, Config: m.Config, Weights: transformer.NewStored(be, m.Weights), Options: s.run,
		Keep: s.keep, Scratch: s.scratch, Journal: s.startJournal(m, manifest, stderr),
		OnLayer: func() { bar.add(1) },
		Progress: func(done, passes int, loss float64) {
			bar.set(int64(done * 2 * len(m.Config.Layers)))
			manifest.Trace = append(manifest.Trace, importance.TraceStep{Pass: done, Loss: loss})
			last = loss
		}}
	if s.calib != nil {
		run.Batch = s.calib.batch
	}
	scores, err := s.method.Score(ctx, run)
	if err != nil {
		return nil, manifest, blame(m, err)
	}
	note := ""
	if !math.IsNaN(last) {
		note = fmt.Sprintf("last loss %.4f", last)
	}
	bar.finish(note)
	return scores, manifest, nil
}

// flops is the work of the run.
func (s *scoring) flops(cfg *model.Config) float64 {
	if s.calib == nil {
		return 0
	}
	return float64(s.passes()) * transformer.PassFLOPs(cfg, s.calib.per*s.calib.info.SeqLen, s.method.Gradients(s.run))
}
