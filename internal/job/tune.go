package job

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"moreau/internal/backend"
	"moreau/internal/load"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
	"moreau/internal/tune"
)

// TuneOptions say on what gates are tuned behind the cut and its refit, if they are.
type TuneOptions struct {
	Auto   bool // where weights are refitted: on autoRows rows, or as many as the refit if these are fewer, autoPasses times
	Tokens int  // else on so many, of rows that come once; 0: none are tuned
}

// Of the same number of tokens more rows are better, but these few do most of it (docs/results.md), and hardly any text lacks them.
const (
	autoRows   = 128
	autoPasses = 3
)

func (o TuneOptions) check() error {
	if o.Auto || o.Tokens == 0 {
		return nil
	}
	return Within("tune-masks", o.Tokens, 1, prune.MostTokens)
}

// plan says how many rows that takes behind refit r.
func (o TuneOptions) plan(r prune.Refit) prune.Tune {
	if o.Auto {
		rows := min(autoRows, r.Rows)
		return prune.Tune{Tokens: autoPasses * rows * r.SeqLen, Rows: rows}
	}
	return prune.Tune{Tokens: o.Tokens, Rows: (o.Tokens + r.SeqLen - 1) / r.SeqLen}
}

// TunePlan says how gates will be tuned.
type TunePlan struct {
	prune.Tune

	stage  *tune.Tune // once what is left is known
	steps  int
	tokens int // of the largest step, padding counted
}

// tuning is what gates are tuned on, its rows read.
type tuning struct {
	prune.Tune
	seed  uint64
	calib *calibration
	again *prune.Tune // of a plan, which is done again; nil: none
}

// newTuning draws the rows of t behind those of refit r, from its text: gates learn more from others than those that weights were
// fitted to. Of given ids all are taken, autoPasses times at most.
func newTuning(m *load.Model, t prune.Tune, r prune.Refit) (*tuning, error) {
	calib := calibrationOf(r)
	calib.Rows = r.Rows + t.Rows
	c, err := calib.load(m, r.Seed, 1)
	if err != nil {
		return nil, err
	}
	if r.IDs {
		t.Rows, t.Tokens = len(c.rows), min(t.Tokens, autoPasses*c.rows.Tokens())
	}
	t.SHA256 = c.info.SHA256
	return &tuning{t, r.Seed, c, nil}, nil
}

// prepareTuning reads the rows that gates are tuned on, if any are to be.
func (j *Prune) prepareTuning() (err error) {
	auto := j.o.Tune.Auto
	if !auto && j.o.Tune.Tokens == 0 || auto && (j.refit == nil || j.refit.Bias) {
		return nil
	}
	if j.refit == nil {
		return Usage(errors.New("--tune-masks stands behind a refit, and there is none: ask for --compensate refit, and give rows for it"))
	}
	j.tuning, err = newTuning(j.rest, j.o.Tune.plan(j.refit.Refit), j.refit.Refit)
	return err
}

// tuneAgain reads the rows of a tuning that a plan says, behind refit r, which must be the same.
func tuneAgain(m *load.Model, r prune.Refit, again prune.Tune) (*tuning, error) {
	t, err := newTuning(m, again, r)
	if err != nil {
		return nil, err
	}
	t.again = &again
	if t.calib.self == nil {
		err = t.same()
	}
	return t, err
}

// same refuses rows that are others than those of the plan that is done again.
func (t *tuning) same() error {
	if t.again == nil {
		return nil
	}
	return t.calib.sameAs(t.again.SHA256, "tuned", t.calib.info.Source)
}

// draw completes the rows with what the dense model is to write of them, as a refit does.
func (t *tuning) draw(ctx context.Context, be backend.Backend, dense *load.Model, path string, progress Progress) error {
	if err := t.calib.draw(ctx, be, dense, path, progress); err != nil {
		return err
	}
	t.SHA256 = t.calib.info.SHA256
	return t.same()
}

// stepTokens is how many tokens a step takes: with 1,024, steps are many enough for a rate that noise does not
// carry away, and products large enough to be fast.
const stepTokens = 1024

// steps are the rows in the order in which gates are tuned on them: shuffled by the seed, as often as it takes.
func (t *tuning) steps() (steps []transformer.Batch, err error) {
	rows := t.calib.rows[len(t.calib.rows)-t.Rows:]
	rng, at := rand.New(rand.NewPCG(t.seed, 2)), 0
	order := rng.Perm(len(rows))
	for tokens := t.Tokens; tokens > 0; {
		var step [][]int32
		for taken := 0; taken == 0 || taken+len(rows[order[at]]) <= min(tokens, stepTokens); {
			step, taken = append(step, rows[order[at]]), taken+len(rows[order[at]])
			if at++; at == len(rows) {
				order, at = rng.Perm(len(rows)), 0
			}
		}
		b, err := transformer.NewBatch(step)
		if err != nil {
			return nil, err
		}
		for _, row := range step {
			tokens -= len(row)
		}
		steps = append(steps, b)
	}
	return steps, nil
}

// stage is the stage behind a cut, towards what the dense model m predicts.
func (t *tuning) stage(be backend.Backend, m *load.Model) (*tune.Tune, error) {
	steps, err := t.steps()
	return &tune.Tune{Dense: whole(m), Steps: steps, Backend: be}, err
}

// planTuning says what the tuning takes.
func (j *Prune) planTuning(p *PrunePlan) error {
	t, err := j.tuning.stage(j.be, j.m)
	if err != nil {
		return err
	}
	e, err := t.Estimate(p.After)
	p.RAM = max(p.RAM, resident(j.m.Config, max(e.Bytes, j.tuning.calib.self.bytes(j.m))))
	p.Tune.steps = len(t.Steps)
	for _, b := range t.Steps {
		p.Tune.tokens = max(p.Tune.tokens, b.Rows())
	}
	return err
}

// tune tunes the gates of what a decided plan leaves.
func (j *Prune) tune(ctx context.Context, p *PrunePlan, progress Progress) error {
	if err := j.tuning.draw(ctx, j.be, j.m, selfStore(j.o.Out.Path), progress); err != nil {
		return err
	}
	p.Tune.Tune = j.tuning.Tune
	t, err := j.tuning.stage(j.be, j.m)
	if err != nil {
		return err
	}
	t.Journal = &tune.Journal{Path: filepath.Join(refitStore(j.o.Out.Path), "gates"), Key: j.tuneKey(p), Every: j.o.Scoring.JournalEvery}
	left, err := p.sequence().Run(ctx, whole(j.m))
	if err == nil {
		_, err = runTuning(ctx, t, left, progress)
	}
	p.Tune.stage = t
	return Blame(j.m, err)
}

// tuneKey identifies the tuning: another refit, other rows or tokens make another.
func (j *Prune) tuneKey(p *PrunePlan) string {
	t := p.Tune.Tune
	return fmt.Sprintf("%s %d %d %s", j.refitKey(p), t.Tokens, t.Rows, t.SHA256)
}

// runTuning runs t and tells of it.
func runTuning(ctx context.Context, t *tune.Tune, left stage.Model, progress Progress) (stage.Model, error) {
	var last float64
	t.Done = func(step int, kl float64) { last = kl; progress.At(int64(step)) }
	progress.Begin(Tuning, "", int64(len(t.Steps)))
	tuned, err := t.Run(ctx, left)
	if err != nil {
		return left, err
	}
	t.Backend.Trim()
	progress.End(last)
	return tuned, nil
}

// tunedAs gives a model that was refitted, but not cut yet, the gates that a plan tunes behind its cut. It also says how
// many projections have some.
func tunedAs(ctx context.Context, be backend.Backend, dense *load.Model, m stage.Model, plan *prune.Record, progress Progress) (stage.Model, int, error) {
	cut := plan.Stages[len(plan.Stages)-1].(*prune.Plan)
	left, err := cut.Run(ctx, m)
	if err != nil {
		return m, 0, err
	}
	rows, err := tuneAgain(dense, *plan.Refit, *plan.Tune)
	if err == nil {
		err = rows.draw(ctx, be, dense, "", progress)
	}
	if err != nil {
		return m, 0, err
	}
	t, err := rows.stage(be, dense)
	if err != nil {
		return m, 0, err
	}
	if _, err = runTuning(ctx, t, left, progress); err != nil {
		return m, 0, Blame(dense, err)
	}
	spread := &tune.Tune{Gates: tune.Spread(t.Gates, m.Config, cut.Pruned)}
	m, err = spread.Run(ctx, m)
	return m, len(t.Gates), err
}
