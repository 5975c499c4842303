package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"moreau/internal/backend"
	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/refit"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// What makes up for what a cut takes.
const (
	NoCompensation   = "none"
	Refitted         = "refit"
	Biased           = "bias" // of what goes, the mean
	AutoCompensation = "auto" // Refitted, where there are rows for it
)

// CompensateOptions say how what is left is repaired, and on what.
type CompensateOptions struct {
	Method  string  // one of these; "" is NoCompensation
	Rows    int     // of the calibration text, or all of given ids; 0: enough for the model
	Damping float64 // of the ridge, in mean squares of a projection's inputs
	Dense   float64 // how far outputs are led back to the dense model's residual stream, 0..1
}

// DefaultCompensate is what measured best (docs/results.md).
func DefaultCompensate() CompensateOptions {
	return CompensateOptions{Method: AutoCompensation, Damping: 0.01, Dense: 0.25}
}

func (o CompensateOptions) check() (err error) {
	switch {
	case o.Method == NoCompensation || o.Method == "":
		return nil
	case o.Method != Refitted && o.Method != AutoCompensation && o.Method != Biased:
		err = fmt.Errorf("--compensate %q: want %s, %s, %s or %s", o.Method, AutoCompensation, Refitted, Biased, NoCompensation)
	case !(o.Damping > 0) || math.IsInf(o.Damping, 0):
		err = errors.New("--damping wants more than 0")
	case !(o.Dense >= 0 && o.Dense <= 1):
		err = fmt.Errorf("--refit-dense %g: want 0 to 1", o.Dense)
	case o.Rows != 0:
		err = Within("refit-rows", o.Rows, 2, MostRows)
	}
	if err != nil {
		return Usage(err)
	}
	return nil
}

// What makes enough rows.
const (
	tokensPerInput = 32 // of the widest projection
	rowsAtMost     = 1024
)

// errOneRow is the error about rows that are too few for a refit.
var errOneRow = errors.New("a refit needs two rows, one to say how far it goes")

// rows is how many rows of seqLen tokens a refit of a model takes.
func (o CompensateOptions) rows(cfg *model.Config, seqLen int) int {
	if o.Rows > 0 {
		return o.Rows
	}
	return enoughRows(cfg, seqLen)
}

// enoughRows is how many rows of seqLen tokens sums over the inputs of a model's projections take.
func enoughRows(cfg *model.Config, seqLen int) int {
	inputs := 0
	for _, l := range cfg.Layers {
		inputs = max(inputs, l.Intermediate, l.Heads*cfg.HeadDim)
	}
	return min(rowsAtMost, max(heldOutEvery, (tokensPerInput*inputs+seqLen-1)/seqLen))
}

// heldOutEvery is which of the rows say how far a refit goes, instead of being fitted.
const heldOutEvery = 8

// refitting is a refit whose rows are read.
type refitting struct {
	prune.Refit
	calib *calibration
	again *prune.Refit // of a plan, which is done again; nil: none
}

// RefitPlan says what a refit will do.
type RefitPlan struct {
	prune.Refit

	stage *refit.Refit // once it is known what goes
	flops float64
}

func newRefitting(m *load.Model, o CompensateOptions, calib CalibOptions, seed uint64) (*refitting, error) {
	calib.Rows, calib.Fresh = o.rows(m.Config, calib.SeqLen), false
	c, err := calib.load(m, seed, 1)
	if err != nil {
		return nil, err
	}
	if len(c.rows) < 2 {
		return nil, Input(fmt.Errorf("%s: %w; give more", c.info.Source, errOneRow))
	}
	i := c.info
	if o.Method == Biased {
		o.Damping, o.Dense = 0, 0
	}
	return &refitting{prune.Refit{Bias: o.Method == Biased, Calibration: i.Source, IDs: calib.IDs != "", Mix: i.Mix, Rows: i.Rows, SeqLen: i.SeqLen, BOS: i.BOS, Seed: seed, SHA256: i.SHA256, Damping: o.Damping, Dense: o.Dense}, c, nil}, nil
}

// calibrationOf says where the rows of a plan's refit are from.
func calibrationOf(r prune.Refit) CalibOptions {
	calib := CalibOptions{Text: r.Calibration, SeqLen: r.SeqLen, BOS: NeverBOS}
	if r.IDs {
		calib.Text, calib.IDs = "", r.Calibration
	}
	if r.BOS {
		calib.BOS = AlwaysBOS
	}
	return calib
}

// refitAgain reads the rows of a refit that a plan says, which must be the same.
func refitAgain(m *load.Model, r prune.Refit) (*refitting, error) {
	method := Refitted
	if r.Bias {
		method = Biased
	}
	f, err := newRefitting(m, CompensateOptions{method, r.Rows, r.Damping, r.Dense}, calibrationOf(r), r.Seed)
	if err != nil {
		return nil, err
	}
	f.again = &r
	if f.calib.self == nil {
		err = f.same()
	}
	return f, err
}

// same refuses rows that are others than those of the plan that is done again.
func (f *refitting) same() error {
	if f.again == nil {
		return nil
	}
	return f.calib.sameAs(f.again.SHA256, "refitted", changed(*f.again, f.Mix))
}

// draw completes the rows with what the dense model is to write of them, kept in a file at path.
func (f *refitting) draw(ctx context.Context, be backend.Backend, dense *load.Model, path string, progress Progress) error {
	if err := f.calib.draw(ctx, be, dense, path, progress); err != nil {
		return err
	}
	f.SHA256 = f.calib.info.SHA256
	err := f.same()
	if err != nil {
		os.Remove(path) // which is of no use
	}
	return err
}

// changed is which file of a refit is another one now, as far as that is known.
func changed(r prune.Refit, now dataset.Mix) string {
	for i, s := range r.Mix {
		if i < len(now) && now[i].Source == s.Source && now[i].SHA256 != s.SHA256 {
			return s.Source
		}
	}
	return r.Calibration
}

// split are the rows that are fitted and those that are held out, of means none.
func (f *refitting) split() (fitted, heldOut [][]int32) {
	if f.Bias {
		return f.calib.rows, nil
	}
	for i, row := range f.calib.rows {
		if i%heldOutEvery == min(heldOutEvery, len(f.calib.rows))-1 {
			heldOut = append(heldOut, row)
		} else {
			fitted = append(fitted, row)
		}
	}
	return fitted, heldOut
}

// batches are these rows in parts.
func (f *refitting) batches() (fitted, heldOut []transformer.Batch, err error) {
	a, b := f.split()
	if fitted, err = parts(a); err == nil && b != nil {
		heldOut, err = parts(b)
	}
	return fitted, heldOut, err
}

func (f *refitting) plan() *RefitPlan { return &RefitPlan{Refit: f.Refit} }

// stage is the refit before a cut, or before layers go, kept in a folder under a key.
func (f *refitting) stage(be backend.Backend, before stage.Stage, dir, key string) (*refit.Refit, error) {
	r, err := f.before(before)
	if err != nil {
		return nil, err
	}
	r.Damping, r.Dense, r.Backend = f.Damping, f.Dense, be
	r.Store, err = refit.OpenStore(dir, key)
	return r, err
}

// before is a refit's rows and what goes behind it.
func (f *refitting) before(s stage.Stage) (*refit.Refit, error) {
	r := &refit.Refit{Bias: f.Bias}
	switch s := s.(type) {
	case *prune.Plan:
		r.Cut = s.Pruned
	case prune.Drop:
		r.Drop = s
	}
	var err error
	r.Fitted, r.HeldOut, err = f.batches()
	return r, err
}

// estimate is what the refit before the last stage of a plan takes; which units go does not matter.
func (f *refitting) estimate(p PrunePlan) (stage.Estimate, error) {
	r, err := f.before(p.last())
	if err != nil {
		return stage.Estimate{}, err
	}
	return r.Estimate(p.refitted())
}

// last is the last stage, before which a refit stands.
func (p PrunePlan) last() stage.Stage { return p.Stages[len(p.Stages)-1] }

// refitted is the configuration that it is of.
func (p PrunePlan) refitted() *model.Config {
	if _, drops := p.last().(prune.Drop); drops {
		return p.Before
	}
	return p.Cut.Before
}

// runRefit runs a refit of a model of this configuration, by run, and tells of it.
func runRefit(be backend.Backend, r *refit.Refit, cfg *model.Config, progress Progress, run func() error) error {
	total, done := int64(len(r.Projections(cfg))), int64(0)
	if total == 0 { // the first layers go alone
		return run()
	}
	r.Done = func(refit.Site) { done++; progress.At(done) }
	progress.Begin(Refitting, "", total)
	if err := run(); err != nil {
		return err
	}
	be.Trim()
	progress.End(math.NaN())
	return nil
}

// repair runs the refit of a decided plan.
func (j *Prune) repair(ctx context.Context, p *PrunePlan, progress Progress) (err error) {
	if err := j.refit.draw(ctx, j.be, j.m, selfStore(j.o.Out.Path), progress); err != nil {
		return err
	}
	p.Refit.Refit = j.refit.Refit
	if p.Refit.stage, err = j.refit.stage(j.be, p.last(), refitStore(j.o.Out.Path), j.refitKey(p)); err != nil {
		return err
	}
	return runRefit(j.be, p.Refit.stage, p.refitted(), progress, func() error {
		_, err := p.sequence().Run(ctx, whole(j.m))
		return Blame(j.m, err)
	})
}

// refitted is a dense model, without the layers that a plan drops, as the plan refits it, and tunes it; its
// refitted weights are in dir. It also says how many projections that changed.
func refitted(ctx context.Context, be backend.Backend, m *load.Model, dense stage.Model, plan *prune.Record, dir string, progress Progress) (after stage.Model, changed int, err error) {
	f, err := refitAgain(m, *plan.Refit)
	if err != nil {
		return after, 0, err
	}
	if err := f.draw(ctx, be, m, "", progress); err != nil {
		return after, 0, err
	}
	r, err := f.stage(be, plan.Stages[len(plan.Stages)-1], dir, "")
	if err != nil {
		return after, 0, err
	}
	err = runRefit(be, r, dense.Config, progress, func() (err error) {
		after, err = r.Run(ctx, dense)
		return Blame(m, err)
	})
	if err != nil || plan.Tune == nil {
		return after, len(r.Projections(dense.Config)), err
	}
	return tunedAs(ctx, be, m, after, plan, progress)
}

// refitStore is where refitted projections are until the model is written.
func refitStore(out string) string {
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-refit")
}

// refitKey identifies the refit: other units, rows, settings, weights or kernels make another.
func (j *Prune) refitKey(p *PrunePlan) string {
	record, _ := (&prune.Record{Before: p.Before, After: p.After, Stages: p.Stages, Refit: &p.Refit.Refit}).Encode()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", record, j.be.Name(), identity(j.m)))
	return hex.EncodeToString(sum[:])
}

// sequence is all that is done to the model: stages, the refit before the cut, and the tuning behind it.
func (p PrunePlan) sequence() (s stage.Sequence) {
	for i, one := range p.Stages {
		if i == len(p.Stages)-1 && p.Refit != nil && p.Refit.stage != nil {
			s = append(s, p.Refit.stage)
		}
		s = append(s, one)
	}
	if p.Tune != nil && p.Tune.stage != nil {
		s = append(s, p.Tune.stage)
	}
	return s
}
