package job

import (
	"context"
	"fmt"
	"math"

	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/refit"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// Rows of the refit's on which the cuts of single layers are refitted, and measured.
const (
	allocationRows    = 128
	allocationHeldOut = 24
)

// measures says whether how much each layer loses is measured.
func (j *Prune) measures() bool {
	return j.again == nil && j.refits() && (j.o.Budget.Allocate == "" || j.o.Budget.Allocate == MeasuredLayers) && len(j.measurable()) > 1
}

// refits says whether what is left is fitted.
func (j *Prune) refits() bool { return j.refit != nil && !j.refit.Bias }

// measurable are the dimensions of channels among which a budget of parameters can be shared out.
func (j *Prune) measurable() (dims []model.Dim) {
	b := j.budget
	if b.LayerRatio > 0 || b.Uniform || b.Selection != prune.Local {
		return nil
	}
	for d, units := range j.sized.Pruned {
		if d.Kind == model.MLP && len(units) > 0 {
			dims = append(dims, d)
		}
	}
	return dims
}

// checkAllocation refuses a measurement that is asked for where there can be none.
func (j *Prune) checkAllocation() error {
	switch {
	case j.o.Budget.Allocate != MeasuredLayers || j.measures():
		return nil
	case !j.refits():
		return Usage(fmt.Errorf("--allocate %s goes with a refit, whose rows it is measured on: --compensate %s", MeasuredLayers, Refitted))
	}
	return Usage(fmt.Errorf("--allocate %s shares out the channels of several layers by a number of parameters: give --ratio, --params or --size, and cut channels of more than one layer", MeasuredLayers))
}

// allocation is the stage that measures: a refit of the channels of each layer alone, of a cut that takes as many of each.
func (j *Prune) allocation(cut *prune.Plan) (*refit.Refit, error) {
	channels := prune.Cut{}
	for d, units := range cut.Pruned {
		if d.Kind == model.MLP {
			channels[d] = units
		}
	}
	fitted, heldOut := j.refit.split()
	r := &refit.Refit{Cut: channels, Damping: j.refit.Damping, Backend: j.be}
	var err error
	if r.Fitted, err = parts(fitted[:min(len(fitted), allocationRows)]); err == nil {
		r.HeldOut, err = parts(heldOut[:min(len(heldOut), allocationHeldOut)])
	}
	return r, err
}

// allocate measures what the cut of each layer costs, and shares the budget out accordingly.
func (j *Prune) allocate(ctx context.Context, p *PrunePlan, scores importance.Scores, progress Progress) error {
	if err := j.refit.draw(ctx, j.be, j.m, selfStore(j.o.Out.Path), progress); err != nil {
		return err
	}
	alike, err := j.cut(scores)
	if err != nil {
		return err
	}
	r, err := j.allocation(alike)
	if err != nil {
		return err
	}
	var done int64
	r.Done = func(refit.Site) { done++; progress.At(done) }
	ps := r.Projections(j.rest.Config)
	progress.Begin(Allocating, "", int64(len(ps)))
	kl, err := r.Alone(ctx, stage.Model{Config: j.rest.Config, Weights: j.rest.Weights})
	if err != nil {
		return Blame(j.m, err)
	}
	j.be.Trim()
	progress.End(math.NaN())
	costs, kept := map[int]float64{}, j.drop.Kept(len(j.m.Config.Layers))
	p.Costs = map[int]float64{}
	for i, v := range kl {
		costs[ps[i].Layer], p.Costs[kept[ps[i].Layer]] = v, v
	}
	j.budget.Shares = prune.SharesOf(costs, len(j.rest.Config.Layers))
	return nil
}

// estimateAllocation is what that takes.
func (j *Prune) estimateAllocation() (stage.Estimate, error) {
	r, err := j.allocation(j.sized)
	if err != nil {
		return stage.Estimate{}, err
	}
	return r.EstimateAlone(j.rest.Config)
}

// parts are rows in parts of a walk.
func parts(rows [][]int32) ([]transformer.Batch, error) {
	b, err := transformer.NewBatch(rows)
	if err != nil {
		return nil, err
	}
	return b.Parts(importance.WalkTokens), nil
}
