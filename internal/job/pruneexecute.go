package job

import (
	"context"
	"os"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// Execute measures, scores, cuts, measures again and writes, as planned.
func (j *Prune) Execute(ctx context.Context, p PrunePlan, progress Progress) (PruneReport, error) {
	defer bound(p.memory())()
	r, err := j.change(ctx, p, progress)
	if err != nil {
		return r, err
	}
	if !j.o.MeasureOnly {
		if err := j.write(ctx, &r, progress); err != nil {
			return r, Blame(j.m, err)
		}
	}
	if p.Scoring != nil {
		j.scoring.journal(j.be, p.Scoring, progress).Remove()
	}
	if p.Refit != nil {
		r.Plan.Refit.stage.Store.Remove()
	}
	os.Remove(selfStore(j.o.Out.Path))
	return r, nil
}

// change does all but write.
func (j *Prune) change(ctx context.Context, p PrunePlan, progress Progress) (PruneReport, error) {
	r := PruneReport{Plan: p, Source: j.source, WeightBytes: weightBytes(j.m)}
	noteRows(j.m, j.calibration(), j.texts, progress)
	var err error
	if r.Plan.Weights, err = j.weigh(ctx, progress); err != nil {
		return r, err
	}
	if r.Before = j.o.Before; r.Before == nil {
		if r.Before, err = measure(ctx, j.be, j.m.Config, j.m.Weights, j.texts, DensePerplexity, progress); err != nil {
			return r, Blame(j.m, err)
		}
	}
	if err := j.decide(ctx, &r.Plan, progress); err != nil {
		return r, err
	}
	if r.After, err = j.measureCut(ctx, r.Plan, PrunedPerplexity, progress); err != nil {
		return r, err
	}
	if r.Plan.Refit != nil {
		if err := j.repair(ctx, &r.Plan, progress); err != nil {
			return r, err
		}
		r.Cut = r.After
		if r.After, err = j.measureCut(ctx, r.Plan, RefittedPerplexity, progress); err != nil {
			return r, err
		}
	}
	if r.Plan.Tune != nil {
		if err := j.tune(ctx, &r.Plan, progress); err != nil {
			return r, err
		}
		r.Refitted = r.After
		if r.After, err = j.measureCut(ctx, r.Plan, TunedPerplexity, progress); err != nil {
			return r, err
		}
	}
	if j.also == nil {
		return r, nil
	}
	after, err := r.Plan.sequence().Run(ctx, whole(j.m))
	if err != nil {
		return r, err
	}
	return r, Blame(j.m, j.also(ctx, after, progress))
}

// calibration is the rows of the scores, or else of the refit; nil where there are none.
func (j *Prune) calibration() *calibration {
	switch {
	case j.scoring != nil && j.scoring.calib != nil:
		return j.scoring.calib
	case j.refit != nil:
		return j.refit.calib
	}
	return nil
}

// measureCut measures the model as the plan has changed it so far, in the types that the output holds.
func (j *Prune) measureCut(ctx context.Context, p PrunePlan, phase Phase, progress Progress) ([]Measured, error) {
	if len(j.texts) == 0 {
		return nil, nil
	}
	m, err := p.sequence().Run(ctx, whole(j.m))
	if err == nil && !j.o.MeasureOnly {
		m.Weights, err = j.asWritten(m, p.Stages)
	}
	if err != nil {
		return nil, err
	}
	measured, err := measure(ctx, j.be, m.Config, m.Weights, j.texts, phase, progress)
	return measured, Blame(j.m, err)
}

// asWritten is the weights of a model that stages led to as the output holds them.
func (j *Prune) asWritten(m stage.Model, stages stage.Sequence) (w checkpoint.Checkpoint, err error) {
	out := j.o.Out
	if out.weigh, err = cutImportance(j.m.Config, j.columns, stages); err != nil {
		return nil, err
	}
	return export.AsWritten(export.Model{Config: m.Config, Weights: m.Weights}, out.Path, out.export())
}

// decide completes the plan with the units that go, by scores that are computed unless
// they were given, and by what the cut of each layer costs, where that is measured.
func (j *Prune) decide(ctx context.Context, p *PrunePlan, progress Progress) error {
	if p.Decided {
		return nil
	}
	scores := j.scores
	if scores == nil {
		var err error
		if scores, err = j.score(ctx, p, progress); err != nil {
			return err
		}
	}
	if j.measures() {
		if err := j.allocate(ctx, p, scores, progress); err != nil {
			return err
		}
	}
	p.Decided = true
	cut, err := j.cut(scores)
	if err != nil {
		return err
	}
	return p.does(j.m.Config, j.stages(cut), cut)
}

// score computes the scores, and keeps them if asked.
func (j *Prune) score(ctx context.Context, p *PrunePlan, progress Progress) (importance.Scores, error) {
	scores, manifest, err := j.scoring.execute(ctx, j.be, p.Scoring, progress)
	if err != nil {
		return nil, err
	}
	if j.o.SaveScores != "" {
		manifest.Program, manifest.Command, manifest.Weights = j.o.Program, j.o.Command, p.Weights
		err = writeScores(j.o.SaveScores, j.o.Out.Force, j.m.Config, j.drop.Before(j.m.Config, scores), manifest)
	}
	p.Manifest = manifest
	return scores, err
}

// write writes the model, and the plan if asked.
func (j *Prune) write(ctx context.Context, r *PruneReport, progress Progress) (err error) {
	if !isGGUF(j.o.Out.Path) {
		if r.Source.SHA256, err = hashWeights(ctx, j.m, progress); err != nil {
			return err
		}
	}
	if err := j.place(r, &r.Plan); err != nil {
		return err
	}
	if err := writeModel(ctx, r.Plan.Out, progress); err != nil {
		return err
	}
	return j.SavePlan(r.Plan)
}

// SavePlan writes the plan, if asked; Execute does so itself.
func (j *Prune) SavePlan(p PrunePlan) error {
	if j.o.SavePlan == "" {
		return nil
	}
	data, err := j.record(p).Encode()
	if err != nil {
		return err
	}
	return writeText(j.o.SavePlan, j.o.Out.Force, append(data, '\n'))
}

// record is what plan.json says of the run.
func (j *Prune) record(p PrunePlan) *prune.Record {
	r := &prune.Record{Program: j.o.Program, Command: j.command(), Model: p.Model, Weights: p.Weights, Scores: p.ScoresInWords(), Seed: p.Manifest.Seed,
		Before: p.Before, After: p.After, Stages: p.Stages}
	if p.Refit != nil {
		r.Refit = &p.Refit.Refit
	}
	if p.Tune != nil {
		r.Tune = &p.Tune.Tune
	}
	return r
}

// command is what decided what goes.
func (j *Prune) command() string {
	if j.again != nil && j.again.Command != "" {
		return j.again.Command
	}
	return j.o.Command
}
