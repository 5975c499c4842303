package job

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/tokenizer"
)

func (j *Prune) prepare() (err error) {
	if j.columns, err = j.o.Out.readImportance(j.m); err != nil {
		return err
	}
	if j.o.Plan != "" {
		err = j.readPlan()
	} else {
		err = j.prepareCut()
	}
	if err != nil || j.sizesAlone() || j.o.NoEval {
		return err
	}
	j.texts, err = j.o.Texts.load(j.m, "give token ids: --eval-ids FILE, or leave perplexity out: --no-eval")
	return err
}

// prepareCut finds how much goes, and what the scores are, or will be computed on.
func (j *Prune) prepareCut() (err error) {
	if err := j.o.Scoring.chooseUnit(j.m); err != nil {
		return err
	}
	if err := j.dropLayers(); err != nil {
		return err
	}
	if j.o.Scores == "" {
		j.manifest = importance.Manifest{Method: j.o.Scoring.Method, Seed: j.o.Scoring.Seed}
	}
	if j.budget, err = j.o.Budget.budget(j.m.Config, j.drop, j.o.Out.Path, j.block()); err != nil {
		return err
	}
	if j.sized, err = j.cut(nil); err != nil { // a budget out of reach shows before any text is read
		return err
	}
	if !j.decided() {
		if err := j.addBiases(); err != nil {
			return err
		}
	}
	switch {
	case j.decided():
		return nil
	case j.sizesAlone():
		return j.checkScores()
	}
	if err := j.prepareRefit(); err != nil {
		return err
	}
	if j.o.Budget.whole() {
		return j.prepareScores()
	}
	if err := j.prepareTuning(); err != nil {
		return err
	}
	if err := j.checkAllocation(); err != nil {
		return err
	}
	return j.prepareScores()
}

// prepareRefit reads the rows of a refit, if one is asked for, or none is refused and there are some.
func (j *Prune) prepareRefit() (err error) {
	method := j.o.Compensate.Method
	if method == "" || method == NoCompensation {
		return j.unreadCalib()
	}
	if j.o.Budget.whole() && j.rest.Config.Features().Has(model.PostNorms) {
		if method == Refitted {
			return Usage(errNormed)
		}
		j.noRefit = errNormed.Error()
		return j.unreadCalib()
	}
	j.refit, err = newRefitting(j.rest, j.o.Compensate, j.o.Scoring.Calib, j.o.Scoring.Seed)
	if method == AutoCompensation && (errors.Is(err, errOneRow) || errors.Is(err, tokenizer.ErrNone)) {
		j.refit, j.noRefit, err = nil, err.Error(), nil
	}
	return err
}

// errNormed is why nothing stands in for whole layers.
var errNormed = errors.New("a norm stands between down_proj and the residual stream, so that it cannot stand in for whole layers")

// unreadCalib refuses calibration rows that nothing reads: scores are given, and nothing is refitted.
func (j *Prune) unreadCalib() error {
	if c := j.o.Scoring.Calib; j.o.Scores == "" || c.Text == "" && c.IDs == "" {
		return nil
	}
	return Usage(errors.New("--scores without a refit reads no calibration rows: leave out --calib or --ids, or ask for --compensate refit"))
}

// decided says whether all units that go are known without scores: none do, or a plan says
// which.
func (j *Prune) decided() bool {
	return j.again != nil || j.sized.Removed() == 0 && len(j.chosen) == 0
}

// checkScores reads scores that are given, for what they say of themselves.
func (j *Prune) checkScores() (err error) {
	if j.o.Scores != "" {
		_, err = j.readScores()
	}
	return err
}

// prepareScores reads the scores, or what they will be computed on.
func (j *Prune) prepareScores() (err error) {
	if j.o.Scores == "" {
		if j.scoring, err = newScoring(j.rest, j.o.Scoring, j.rest.Config.AllLayers()); err != nil {
			return err
		}
		j.scoring.dropped, j.scoring.dense = j.drop, j.m
		j.manifest = j.scoring.manifest()
		return nil
	}
	j.scores, err = j.readScores()
	return err
}

// readScores reads the scores that are given, of what is left of the model, and keeps what they say of themselves.
func (j *Prune) readScores() (importance.Scores, error) {
	data, err := os.ReadFile(j.o.Scores)
	if err != nil {
		return nil, Input(err)
	}
	scores, manifest, err := importance.Decode(data, j.m.Config)
	if err != nil {
		return nil, Input(fmt.Errorf("%s: %w", j.o.Scores, err))
	}
	if gone := manifest.Dropped; len(gone) > 0 && !slices.Equal(gone, j.drop) && !j.o.AnyWeights {
		return nil, Input(fmt.Errorf("%s: scores of the model without layers %v; drop the same layers, score this model, or take them with --force-scores", j.o.Scores, gone))
	}
	j.manifest = manifest
	return j.drop.After(j.m.Config, scores), nil
}

// cut decides which units go by scores; without, how many.
func (j *Prune) cut(scores importance.Scores) (*prune.Plan, error) {
	if !j.o.Budget.asked() {
		return uncut(j.rest.Config), nil
	}
	if j.o.Budget.whole() {
		return j.choose(scores)
	}
	decided := j.sized != nil && j.budget.Selection == prune.Local && j.budget.Shares == nil // how many go of each layer
	if j.o.Budget.Size > 0 && !decided {
		return j.fit(scores)
	}
	b := j.budget
	if decided {
		b = j.sized.Budget
	}
	p, err := prune.NewPlan(j.rest.Config, scores, b)
	if errors.Is(err, prune.ErrScores) {
		err = Input(fmt.Errorf("%s: %w", j.o.Scores, err))
	}
	if err != nil && len(j.drop) > 0 {
		err = fmt.Errorf("%w (layers counted without those that are dropped)", err)
	}
	return p, err
}
