package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/prune"
	"moreau/internal/refit"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// What makes up for what a cut takes.
const (
	NoCompensation = "none"
	Refit          = "refit"
)

// CompensateOptions say how what is left is repaired, and on what.
type CompensateOptions struct {
	Method  string
	Rows    int     // of the calibration text, or all of given ids
	Damping float64 // of the ridge, in mean squares of a projection's inputs
}

// DefaultCompensate is the one that measured best (docs/results.md).
func DefaultCompensate() CompensateOptions {
	return CompensateOptions{Method: NoCompensation, Rows: 1024, Damping: 0.01}
}

func (o CompensateOptions) check() (err error) {
	switch {
	case o.Method != NoCompensation && o.Method != Refit:
		err = fmt.Errorf("--compensate %q: want %s or %s", o.Method, NoCompensation, Refit)
	case !(o.Damping > 0) || math.IsInf(o.Damping, 0):
		err = errors.New("--damping wants more than 0")
	default:
		err = Within("refit-rows", o.Rows, 2, MostRows)
	}
	if err != nil {
		return Usage(err)
	}
	return nil
}

// heldOutEvery is which of the rows say how far a refit goes, instead of being fitted.
const heldOutEvery = 8

// refitting is a refit whose rows are read.
type refitting struct {
	o     CompensateOptions
	calib *calibration
	seed  uint64
}

// RefitPlan says what a refit will do.
type RefitPlan struct {
	Calibration importance.CalibInfo
	Damping     float64

	stage *refit.Refit // once it is known what goes
}

func newRefitting(m *load.Model, o CompensateOptions, calib CalibOptions, seed uint64) (*refitting, error) {
	calib.Rows, calib.Fresh = o.Rows, false
	c, err := calib.load(m, seed, 1)
	if err != nil {
		return nil, err
	}
	if len(c.rows) < 2 {
		return nil, Input(fmt.Errorf("%s: a refit needs two rows, one to say how far it goes; give more", c.info.Source))
	}
	return &refitting{o, c, seed}, nil
}

// batches are the rows that are fitted and those that are held out, in parts.
func (f *refitting) batches() (fitted, heldOut []transformer.Batch, err error) {
	var of [2][][]int32
	for i, row := range f.calib.rows {
		held := 0
		if i%heldOutEvery == min(heldOutEvery, len(f.calib.rows))-1 {
			held = 1
		}
		of[held] = append(of[held], row)
	}
	var parts [2][]transformer.Batch
	for i, rows := range of {
		b, err := transformer.NewBatch(rows)
		if err != nil {
			return nil, nil, err
		}
		parts[i] = b.Parts(importance.WalkTokens)
	}
	return parts[0], parts[1], nil
}

func (f *refitting) plan() *RefitPlan {
	return &RefitPlan{Calibration: f.calib.info, Damping: f.o.Damping}
}

// repair runs the refit that a decided plan asks for.
func (j *Prune) repair(ctx context.Context, p *PrunePlan, progress Progress) error {
	if p.Refit == nil {
		return nil
	}
	fitted, heldOut, err := j.refit.batches()
	if err != nil {
		return err
	}
	store, err := refit.OpenStore(refitStore(j.o.Out.Path), j.refitKey(p))
	if err != nil {
		return err
	}
	var done int64
	p.Refit.stage = &refit.Refit{Cut: p.Cut.Pruned, Fitted: fitted, HeldOut: heldOut, Damping: p.Refit.Damping, Backend: j.be, Store: store,
		Done: func(refit.Site) { done++; progress.At(done) }}
	progress.Begin(Refitting, "", int64(len(p.Refit.stage.Projections(p.Cut.Before))))
	if _, err := p.sequence().Run(ctx, whole(j.m)); err != nil {
		return Blame(j.m, err)
	}
	j.be.Trim()
	progress.End(math.NaN())
	return nil
}

// refitStore is where refitted projections are until the model is written.
func refitStore(out string) string {
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-refit")
}

// refitKey identifies the refit: other units, rows, settings, weights or kernels make another.
func (j *Prune) refitKey(p *PrunePlan) string {
	record, _ := (&prune.Record{Before: p.Before, After: p.After, Stages: p.Stages}).Encode()
	settings, _ := json.Marshal(p.Refit)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s", record, settings, j.be.Name(), identity(j.m)))
	return hex.EncodeToString(sum[:])
}

// sequence is all that is done to the model: stages, and the refit before the cut.
func (p PrunePlan) sequence() (s stage.Sequence) {
	for _, one := range p.Stages {
		if one == stage.Stage(p.Cut) && p.Refit != nil && p.Refit.stage != nil {
			s = append(s, p.Refit.stage)
		}
		s = append(s, one)
	}
	return s
}
