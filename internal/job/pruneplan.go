package job

import (
	"context"
	"fmt"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// PrunePlan says what a run will cut, what that takes, and where the result goes.
type PrunePlan struct {
	Model       string
	Cut         *prune.Plan
	OneSize     bool                // all layers are cut alike though nobody asked: the output has one size for all
	Decided     bool                // the units that go are known; else sizes alone are, under prune.Global not even these
	Scores      string              // file of the scores, "": they are computed
	Manifest    importance.Manifest // of the scores, as far as they are known
	Scoring     *ScoringPlan        // how they will be computed; nil: they are given, or only sizes are planned
	Texts       []TextPlan
	BytesBefore int64 // of the output, were nothing cut; without one, of the weights at 16 bits
	BytesAfter  int64
	RAM         int64        // resident bytes; 0: not estimated
	Seconds     Seconds      // of the whole run
	Out         *export.Plan // nil: no output is asked for
}

// PruneReport is what a run did.
type PruneReport struct {
	Plan          PrunePlan // with the units that went and the files written
	Source        Source
	WeightBytes   int64 // of the model that was cut, as stored
	Before, After []Measured
	Tokenizer     bool // the output has one
	OwnCode       bool // the output brings Python code
	Program       string
	Command       string
}

// Plan says what Execute will do.
func (j *Prune) Plan() (PrunePlan, error) {
	p := PrunePlan{Model: j.m.Path, Cut: j.sized, OneSize: j.o.Budget.oneSize(j.m.Config, j.o.Out.Path),
		Scores: j.o.Scores, Manifest: j.manifest, Decided: j.scores != nil, Texts: planTexts(j.texts)}
	var err error
	if p.Decided {
		if p.Cut, err = j.cut(j.scores); err != nil {
			return p, err
		}
	}
	if j.scoring != nil {
		if p.Scoring, err = j.scoring.plan(j.o.Out.Path); err != nil {
			return p, err
		}
	}
	if err := j.planOutput(&p); err != nil || j.sizesAlone() {
		return p, err
	}
	p.RAM = max(resident(0), evalRAM(j.m.Config, p.Texts))
	if p.Scoring != nil {
		p.RAM = max(p.RAM, p.Scoring.RAM)
	}
	p.Seconds, err = j.seconds(p)
	return p, err
}

func (p PrunePlan) memory() int64 {
	if p.Scoring == nil {
		return 0
	}
	return p.Scoring.Memory
}

// planOutput plans the files; they depend on sizes alone, so this can come before the
// scores.
func (j *Prune) planOutput(p *PrunePlan) error {
	p.BytesBefore, p.BytesAfter = 2*p.Cut.Before.ParamCount(), 2*p.Cut.After.ParamCount()
	if j.o.Out.Path == "" {
		return nil
	}
	pruned, err := prune.Apply(p.Cut, j.m.Weights)
	if err != nil {
		return err
	}
	if err := j.place(&PruneReport{Plan: *p, Source: j.source}, pruned, p); err != nil {
		return err
	}
	p.BytesBefore, err = j.denseBytes()
	return err
}

// place plans the output with what its card says of the run.
func (j *Prune) place(r *PruneReport, pruned checkpoint.Checkpoint, p *PrunePlan) error {
	e, err := j.exported(r, pruned)
	if err != nil {
		return err
	}
	if p.Out, err = j.o.Out.plan(e); err != nil {
		return err
	}
	p.BytesAfter = p.Out.Bytes
	return nil
}

// exported is what is written, with its card.
func (j *Prune) exported(r *PruneReport, pruned checkpoint.Checkpoint) (export.Model, error) {
	e, err := exported(j.m, r.Plan.Cut.After, pruned, j.o.Out.Path)
	r.Tokenizer, r.OwnCode, r.Program, r.Command = e.Vocab != nil, export.OwnCode(r.Plan.Cut.After), j.o.Program, j.o.Command
	if err == nil && !isGGUF(j.o.Out.Path) && j.o.Card != nil {
		e.Card = j.o.Card(*r)
	}
	return e, err
}

// write writes the model, and the plan if asked.
func (j *Prune) write(ctx context.Context, r *PruneReport, pruned checkpoint.Checkpoint, progress Progress) (err error) {
	if !isGGUF(j.o.Out.Path) {
		if r.Source.SHA256, err = hashWeights(ctx, j.m, progress); err != nil {
			return err
		}
	}
	if err := j.place(r, pruned, &r.Plan); err != nil {
		return err
	}
	if err := writeModel(ctx, r.Plan.Out, progress); err != nil || j.o.SavePlan == "" {
		return err
	}
	data, err := j.record(r.Plan).Encode()
	if err != nil {
		return err
	}
	return writeText(j.o.SavePlan, j.o.Out.Force, append(data, '\n'))
}

// record is what plan.json says of the run.
func (j *Prune) record(p PrunePlan) *prune.Record {
	return &prune.Record{Program: j.o.Program, Command: j.o.Command, Model: p.Model, Scores: p.ScoresInWords(), Seed: j.o.Scoring.Seed,
		Before: p.Cut.Before, After: p.Cut.After, Stages: stage.Sequence{p.Cut}}
}

// ScoresInWords says where the scores come from.
func (p PrunePlan) ScoresInWords() string {
	method := p.Manifest.Method
	switch {
	case p.Scores != "" && method != "":
		return fmt.Sprintf("%s (by %s)", p.Scores, method)
	case p.Scores != "":
		return p.Scores
	case p.Scoring == nil:
		return method
	case p.Scoring.Passes == 0:
		return method + ", no calibration"
	}
	s := p.Scoring
	return fmt.Sprintf("%s, %d passes over %d x %d tokens of %s", method, s.Passes, s.Rows, s.SeqLen, s.Manifest.Calibration.Source)
}
