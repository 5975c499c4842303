package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// pruneJob is one run of moreau prune.
type pruneJob struct {
	*pruneCommand
	ctx            context.Context
	m              *load.Model
	be             backend.Backend
	stdout, stderr io.Writer

	budget   prune.Budget
	scoring  *scoring // nil when scores are given
	scores   importance.Scores
	manifest importance.Manifest
	cut      *prune.Plan
	out      *export.Plan
	texts    []pplText
	source   source // of the model that is cut, for the card
	fitted   int64  // parameters that --size lets stay, 0: not searched yet
}

// prepare checks everything that can be wrong before any long work begins.
func (j *pruneJob) prepare() error {
	err := j.plan(nil) // a budget out of reach shows before any text is read
	if err != nil {
		return err
	}
	if j.Scores != "" {
		if err := j.readScores(); err != nil {
			return err
		}
	} else if err = j.prepareScoring(); err != nil {
		return err
	}
	if !j.NoEval {
		if j.texts, err = j.pplOptions.load(j.m, "give token ids: --eval-ids FILE, or leave perplexity out: --no-eval"); err != nil {
			return err
		}
	}
	if err := j.plan(j.scores); err != nil {
		return err
	}
	return j.planOutput()
}

func (j *pruneJob) prepareScoring() (err error) {
	if j.scoring, err = j.scoreOptions.prepare(j.m, j.m.Config.AllLayers(), j.globals); err != nil {
		return err
	}
	return j.scoring.place(j.m.Config, j.Out)
}

func (j *pruneJob) readScores() error {
	data, err := os.ReadFile(j.Scores)
	if err != nil {
		return inputError{err}
	}
	if j.scores, j.manifest, err = importance.Decode(data, j.m.Config); err != nil {
		return inputError{fmt.Errorf("%s: %w", j.Scores, err)}
	}
	return nil
}

func (j *pruneJob) plan(scores importance.Scores) (err error) {
	if j.budget, err = j.budgetOptions.budget(j.m.Config); err != nil {
		return err
	}
	if j.Size != "" {
		if err := j.fitSize(scores); err != nil {
			return err
		}
	}
	if j.cut, err = prune.NewPlan(j.m.Config, scores, j.budget); errors.Is(err, prune.ErrScores) {
		return inputError{fmt.Errorf("%s: %w", j.Scores, err)}
	}
	return err
}

// planOutput plans the file; it depends on the sizes alone, so it can come
// before the scores.
func (j *pruneJob) planOutput() error {
	pruned, err := prune.Apply(j.cut, j.m.Weights)
	if err != nil {
		return err
	}
	return j.place(pruned, nil, nil)
}

// place plans the output with what its card says of the run.
func (j *pruneJob) place(pruned checkpoint.Checkpoint, before, after []measured) error {
	e, err := j.exported(pruned, before, after)
	if err != nil {
		return err
	}
	j.out, err = planExport(e, &j.outOptions, j.Threads)
	return err
}

// exported is what is written.
func (j *pruneJob) exported(pruned checkpoint.Checkpoint, before, after []measured) (export.Model, error) {
	e, err := exportModel(j.m, j.cut.After, pruned, j.Out)
	if err == nil && !isGGUF(j.Out) {
		e.Card = j.card(e, before, after)
	}
	return e, err
}

func (j *pruneJob) execute() error {
	output.Clean(j.Out)
	before, err := j.measure(j.m.Config, j.m.Weights, "dense perplexity")
	if err != nil {
		return err
	}
	if err := j.score(); err != nil {
		return err
	}
	if err := j.plan(j.scores); err != nil {
		return err
	}
	pruned, err := prune.Apply(j.cut, j.m.Weights)
	if err != nil {
		return err
	}
	after, err := j.measure(j.cut.After, pruned, "pruned perplexity")
	if err != nil {
		return err
	}
	if err := j.write(pruned, before, after); err != nil {
		return err
	}
	if j.scoring != nil {
		j.scoring.journal.Remove()
	}
	return j.report(before, after)
}

func (j *pruneJob) measure(cfg *model.Config, w checkpoint.Checkpoint, label string) ([]measured, error) {
	if j.NoEval {
		return nil, nil
	}
	results, err := measure(j.ctx, j.be, cfg, w, j.texts, label, j.stderr)
	return results, blame(j.m, err)
}

// score computes the scores unless they were given, and keeps them if asked.
func (j *pruneJob) score() (err error) {
	if j.scoring == nil {
		return nil
	}
	if j.scores, j.manifest, err = j.scoring.execute(j.ctx, j.m, j.be, j.stderr); err != nil || j.SaveScores == "" {
		return err
	}
	return writeScores(j.SaveScores, j.Force, j.m.Config, j.scores, j.manifest)
}

func (j *pruneJob) write(pruned checkpoint.Checkpoint, before, after []measured) (err error) {
	if !isGGUF(j.Out) {
		if j.source, err = sourceOf(j.ctx, j.m, j.stderr); err != nil {
			return blame(j.m, err)
		}
	}
	if err := j.place(pruned, before, after); err != nil {
		return err
	}
	if err := writeModel(j.ctx, j.out, j.stderr); err != nil || j.SavePlan == "" {
		return blame(j.m, err)
	}
	data, err := (&prune.Record{Program: "moreau " + version, Command: j.command, Model: j.m.Path, Scores: j.describeScoring(), Seed: j.Seed,
		Before: j.cut.Before, After: j.cut.After, Stages: stage.Sequence{j.cut}}).Encode()
	if err != nil {
		return err
	}
	return output.File(j.SavePlan, j.Force, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
