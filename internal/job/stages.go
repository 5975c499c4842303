package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// whole is m as it is, to which stages are applied.
func whole(m *load.Model) stage.Model {
	return stage.Model{Config: m.Config, Raw: m.Raw, Weights: m.Weights}
}

// parseLayers reads layers to drop: "20..24", "3,20..24".
func parseLayers(cfg *model.Config, layers string) (d prune.Drop, err error) {
	if layers == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(layers, ",") {
		r, err := cfg.ParseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, Usage(fmt.Errorf("--drop-layers: %w", err))
		}
		for l := r.First; l <= r.Last; l++ {
			d = append(d, l)
		}
	}
	slices.Sort(d)
	if _, err := d.Estimate(cfg); err != nil {
		return nil, Usage(fmt.Errorf("--drop-layers: %w", err))
	}
	return d, nil
}

// dropLayers makes the model that is scored and cut: the one given without the layers
// that are to go.
func (j *Prune) dropLayers() (err error) {
	j.rest = j.m
	if j.drop, err = parseLayers(j.m.Config, j.o.DropLayers); err != nil || len(j.drop) == 0 {
		return err
	}
	if !j.o.Budget.asked() && j.o.Scores+j.o.SaveScores != "" {
		return Usage(errors.New("--scores and --save-scores: no scores are needed where layers are dropped and nothing is cut; leave them out, or say how much to cut"))
	}
	return j.apply(j.drop)
}

// apply makes what a stage leaves of the model the one that is scored and cut.
func (j *Prune) apply(s stage.Stage) error {
	left, err := s.Run(context.Background(), whole(j.rest))
	if err != nil {
		return err
	}
	rest := *j.rest
	rest.Config, rest.Raw, rest.Weights = left.Config, left.Raw, left.Weights
	j.rest = &rest
	return nil
}

// addBiases gives the model the biases that are to make up for what goes, and those that the output has to have with them.
func (j *Prune) addBiases() error {
	if j.o.Compensate.Method != Biased {
		return nil
	}
	var roles model.Roles
	for d := range j.sized.Pruned {
		if d.Kind == model.MLP {
			roles |= model.RolesOf(model.DownBias)
		} else {
			roles |= model.RolesOf(model.OBias)
		}
	}
	held, err := export.Biases(j.rest.Config, roles, isGGUF(j.o.Out.Path))
	if err != nil {
		return Usage(fmt.Errorf("--compensate %s: %w; or take --compensate %s, which adds no tensor", Biased, err, Refitted))
	}
	j.biases = prune.Biases(held)
	if err := j.apply(j.biases); err != nil {
		return err
	}
	j.budget.Dropped, j.sized = j.m.Config.ParamCount()-j.rest.Config.ParamCount(), nil // below 0 where the biases are more than what was dropped: the ratio is of the model given
	j.sized, err = j.cut(nil)
	return err
}

// stages are what is done for a cut: layers are dropped first.
func (j *Prune) stages(cut *prune.Plan) (s stage.Sequence) {
	if j.again != nil {
		return j.again.Stages
	}
	if len(j.drop) > 0 {
		s = append(s, j.drop)
	}
	if j.biases != 0 {
		s = append(s, j.biases)
	}
	if len(j.chosen) > 0 {
		s = append(s, j.chosen)
	}
	if cut.Removed() > 0 {
		s = append(s, cut)
	}
	return s
}

// readPlan reads the stages that a plan says.
func (j *Prune) readPlan() (err error) {
	data, err := os.ReadFile(j.o.Plan)
	if err != nil {
		return Input(err)
	}
	if j.again, err = prune.DecodeRecord(data, j.m.Config); err != nil {
		return Input(fmt.Errorf("%s: %w", j.o.Plan, err))
	}
	if len(j.again.Stages) == 0 {
		return Input(fmt.Errorf("%s: %w", j.o.Plan, errors.New("a plan without stages: nothing is to be done")))
	}
	j.manifest.Seed, j.sized = j.again.Seed, uncut(j.again.After)
	for _, s := range j.again.Stages {
		if cut, ok := s.(*prune.Plan); ok {
			j.sized = cut
		}
	}
	if j.again.Refit != nil && !j.sizesAlone() {
		if j.refit, err = refitAgain(j.m, *j.again.Refit); err == nil && j.again.Tune != nil {
			j.tuning, err = tuneAgain(j.m, *j.again.Refit, *j.again.Tune)
		}
	}
	return err
}

// scoresFrom says where given scores come from.
func (j *Prune) scoresFrom() string {
	switch {
	case j.again == nil:
		return j.o.Scores
	case j.again.Scores != "" || j.sized != nil && j.sized.Removed() == 0:
		return j.again.Scores
	}
	return j.o.Plan
}

// uncut is the cut that takes nothing.
func uncut(cfg *model.Config) *prune.Plan { return &prune.Plan{Before: cfg, After: cfg} }

// does says what is done to a model of configuration before: stages, with cut among them.
func (p *PrunePlan) does(before *model.Config, stages stage.Sequence, cut *prune.Plan) error {
	e, err := stages.Estimate(before)
	p.Before, p.After, p.Stages, p.Cut = before, e.After, stages, cut
	return err
}

// LayerChange is a layer of the model given; After is the zero value where it goes.
type LayerChange struct{ Before, After model.Layer }

// Layers is what becomes of each layer of the model given.
func (p PrunePlan) Layers() []LayerChange {
	changes := make([]LayerChange, len(p.Before.Layers))
	for l, b := range p.Before.Layers {
		changes[l].Before = b
	}
	for i, l := range p.numbers(p.Stages) {
		changes[l].After = p.After.Layers[i]
	}
	return changes
}

// CutLayers is the layers that could lose units, or go, and those that stay and could not, in the
// numbers of the model given.
func (p PrunePlan) CutLayers() (could model.Range, protected []int) {
	if p.Chosen != nil {
		could = p.Chosen.Layers
		return could, slices.DeleteFunc(prune.Drop{}.Kept(len(p.Before.Layers)), could.Has)
	}
	at := slices.IndexFunc(p.Stages, func(s stage.Stage) bool { return s == stage.Stage(p.Cut) })
	numbers, r := p.numbers(p.Stages[:max(0, at)]), p.Cut.Budget.Layers
	return model.Range{First: numbers[r.First], Last: numbers[r.Last]}, slices.Concat(numbers[:r.First], numbers[r.Last+1:])
}

// Dropped is the layers of the model given that go.
func (p PrunePlan) Dropped() []int {
	stay, gone := p.numbers(p.Stages), []int{}
	for l := range p.Before.Layers {
		if !slices.Contains(stay, l) {
			gone = append(gone, l)
		}
	}
	return gone
}

// numbers are, in the model given, those of the layers that are there after stages.
func (p PrunePlan) numbers(stages stage.Sequence) []int {
	numbers := prune.Drop{}.Kept(len(p.Before.Layers))
	for _, s := range stages {
		d, ok := s.(prune.Drop)
		if !ok {
			continue
		}
		var left []int
		for _, i := range d.Kept(len(numbers)) {
			left = append(left, numbers[i])
		}
		numbers = left
	}
	return numbers
}
