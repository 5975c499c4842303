package job

import (
	"errors"
	"fmt"

	"moreau/internal/importance"
	"moreau/internal/prune"
)

// LayersMethod is the method that whole layers are chosen by, if none is named: what measured best (docs/results.md).
const LayersMethod = "divergence"

// MethodFor is the method that units are scored by, if none is named.
func MethodFor(units string) string {
	if (BudgetOptions{Units: units}).whole() {
		return LayersMethod
	}
	return DefaultScoring().Method
}

// checkWhole refuses what whole layers do not go with, and methods that score something else than what is to go.
func (o PruneOptions) checkWhole() error {
	if err := o.Budget.checkWhole(o.DropLayers); err != nil {
		return err
	}
	whole := o.Budget.whole()
	switch m := o.Compensate.Method; {
	case whole && m == Biased:
		return Usage(fmt.Errorf("--compensate %s is of units: whole layers go with --compensate %s or %s", m, Refitted, NoCompensation))
	case whole && o.Tune.Tokens != 0:
		return Usage(errors.New("--tune-masks goes with units that are cut, not with whole layers"))
	case o.Scores+o.Plan != "":
		return nil
	}
	return o.Budget.scoredBy(o.Scoring.Method)
}

// scoredBy refuses a method that scores something else than what is to go.
func (o BudgetOptions) scoredBy(method string) error {
	m, err := importance.FindMethod(method)
	switch {
	case err != nil:
		return Usage(err)
	case m.Needs.Whole && !o.whole():
		return Usage(fmt.Errorf("--method %s scores whole layers: give --units %s", method, WholeLayers))
	case o.whole() && !m.Needs.Whole:
		return Usage(fmt.Errorf("--method %s scores units: whole layers are chosen by divergence or block-influence", method))
	}
	return nil
}

// choose lets scores choose the layers that go; without, how many. No unit is cut.
func (j *Prune) choose(scores importance.Scores) (*prune.Plan, error) {
	var err error
	if j.chosen, err = prune.NewDrop(j.m.Config, scores, j.budget); err != nil {
		if errors.Is(err, prune.ErrScores) {
			err = Input(fmt.Errorf("%s: %w", j.o.Scores, err))
		}
		return nil, err
	}
	return uncut(j.m.Config.KeepLayers(j.chosen.Kept(len(j.m.Config.Layers)))), nil
}
