package job

import (
	"context"
	"errors"
	"fmt"
	"os"

	"moreau/internal/backend"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/prune"
)

// PruneOptions are those of a pruned model.
type PruneOptions struct {
	Scoring    ScoringOptions
	Scores     string // scores.json to use instead of scoring
	Plan       string // plan.json to do again; of the other options those of texts and outputs count
	AnyWeights bool   // take Scores and Plan of other weights
	DropLayers string // layers that go first, as a whole: "20..24", "3,20..24"; "": none
	Budget     BudgetOptions
	Texts      TextOptions
	NoEval     bool // measure no perplexity
	Out        OutOptions
	SaveScores string // scores.json to write, "": none
	SavePlan   string // plan.json to write, "": none
	Program    string // name and version, for SavePlan
	Command    string // that a person would type again, for SavePlan
	PlanOnly   bool   // sizes alone will do: Out.Path may be "", the weights may be missing

	// Card writes the model card of a folder. While the output is planned it is asked
	// for one of a report without results, for its size.
	Card func(PruneReport) string
}

// Prune is the job that cuts a model.
type Prune struct {
	o        PruneOptions
	m        *load.Model
	rest     *load.Model   // m without drop: what is scored and cut
	drop     prune.Drop    // layers that go first
	again    *prune.Record // what Plan says, nil: none
	be       backend.Backend
	source   Source
	budget   prune.Budget
	sized    *prune.Plan // which units go is still to be decided by scores
	scoring  *scoring    // nil when scores are given, or sizes alone are known
	scores   importance.Scores
	manifest importance.Manifest // of the scores, as far as they are known
	texts    []text
}

// NewPrune opens a model and finds everything that can be wrong before long work begins,
// but for the output, which Plan looks at.
func NewPrune(path string, be backend.Backend, o PruneOptions) (*Prune, error) {
	err := o.Scoring.Check()
	if err == nil && (o.Out.Path != "" || !o.PlanOnly) {
		err = o.checkOutputs(path)
	}
	if err != nil {
		return nil, err
	}
	m, err := o.open(path)
	if err != nil {
		return nil, err
	}
	j := &Prune{o: o, m: m, be: be, source: newSource(m)}
	if err := j.prepare(); err != nil {
		m.Close()
		return nil, err
	}
	return j, nil
}

// open opens as much of the model as is needed.
func (o PruneOptions) open(path string) (*load.Model, error) {
	switch {
	case !o.PlanOnly:
		return load.Open(path)
	case o.Out.Path == "":
		return load.OpenConfig(path)
	}
	return load.OpenSizes(path)
}

func (o PruneOptions) checkOutputs(path string) error {
	if o.Out.Path == "" {
		return Usage(fmt.Errorf("say where the pruned model goes: -o OUT (or --dry-run for the plan alone)"))
	}
	if err := distinct(path, o.Out.Path, o.SaveScores, o.SavePlan, o.Plan); err != nil {
		return err
	}
	if err := o.Out.Check(path); err != nil {
		return err
	}
	if !isGGUF(o.Out.Path) {
		c := o.Scoring.Calib
		if err := outside(o.Out.Path, o.Scores, o.Plan, o.SaveScores, o.SavePlan, c.Text, c.IDs, o.Texts.IDs); err != nil {
			return err
		}
	}
	for _, path := range []string{o.SaveScores, o.SavePlan} {
		if path == "" {
			continue
		}
		if err := output.Check(path, o.Out.Force); err != nil {
			return err
		}
	}
	return nil
}

// sizesAlone says that the plan is made of sizes: no text is read, no time estimated.
func (j *Prune) sizesAlone() bool { return j.m.Bare || j.o.Out.Path == "" }

func (j *Prune) prepare() (err error) {
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
	if j.budget, err = j.o.Budget.budget(j.m.Config, j.drop, j.o.Out.Path); err != nil {
		return err
	}
	if j.sized, err = j.cut(nil); err != nil || j.sizesAlone() || j.decided() { // a budget out of reach shows before any text is read
		return err
	}
	return j.prepareScores()
}

// decided says whether all units that go are known without scores: none do, or a plan says
// which.
func (j *Prune) decided() bool { return j.again != nil || j.sized.Removed() == 0 }

// prepareScores reads the scores, or what they will be computed on.
func (j *Prune) prepareScores() (err error) {
	if j.o.Scores == "" {
		if j.scoring, err = newScoring(j.rest, j.o.Scoring, j.rest.Config.AllLayers()); err != nil {
			return err
		}
		j.scoring.dropped = j.drop
		j.manifest = j.scoring.manifest()
		return nil
	}
	data, err := os.ReadFile(j.o.Scores)
	if err != nil {
		return Input(err)
	}
	scores, manifest, err := importance.Decode(data, j.m.Config)
	if err != nil {
		return Input(fmt.Errorf("%s: %w", j.o.Scores, err))
	}
	j.scores, j.manifest = j.drop.After(j.m.Config, scores), manifest
	return nil
}

// Close closes the model.
func (j *Prune) Close() error { return j.m.Close() }

// cut decides which units go by scores; without, how many.
func (j *Prune) cut(scores importance.Scores) (*prune.Plan, error) {
	if !j.o.Budget.asked() {
		return uncut(j.rest.Config), nil
	}
	if j.o.Budget.Size > 0 && (j.sized == nil || j.budget.Selection == prune.Global) { // local sizes do not depend on scores
		return j.fit(scores)
	}
	b := j.budget
	if j.sized != nil {
		b = j.sized.Budget
	}
	p, err := prune.NewPlan(j.rest.Config, scores, b)
	if errors.Is(err, prune.ErrScores) {
		err = Input(fmt.Errorf("%s: %w", j.o.Scores, err))
	}
	return p, err
}

// Execute measures, scores, cuts, measures again and writes, as planned.
func (j *Prune) Execute(ctx context.Context, p PrunePlan, progress Progress) (PruneReport, error) {
	defer bound(p.memory())()
	output.Clean(j.o.Out.Path)
	r := PruneReport{Plan: p, Source: j.source, WeightBytes: weightBytes(j.m)}
	var err error
	if r.Plan.Weights, err = j.weigh(ctx, progress); err != nil {
		return r, err
	}
	if r.Before, err = measure(ctx, j.be, j.m.Config, j.m.Weights, j.texts, DensePerplexity, progress); err != nil {
		return r, Blame(j.m, err)
	}
	if err := j.decide(ctx, &r.Plan, progress); err != nil {
		return r, err
	}
	pruned, err := r.Plan.Stages.Run(ctx, whole(j.m))
	if err != nil {
		return r, err
	}
	if r.After, err = measure(ctx, j.be, pruned.Config, pruned.Weights, j.texts, PrunedPerplexity, progress); err != nil {
		return r, Blame(j.m, err)
	}
	if err := j.write(ctx, &r, progress); err != nil {
		return r, Blame(j.m, err)
	}
	if p.Scoring != nil {
		p.Scoring.State.remove()
	}
	return r, nil
}

// decide completes the plan with the units that go, by scores that are computed unless
// they were given, and kept if asked.
func (j *Prune) decide(ctx context.Context, p *PrunePlan, progress Progress) error {
	if p.Decided {
		return nil
	}
	scores, manifest, err := j.scoring.execute(ctx, j.be, p.Scoring, progress)
	if err != nil {
		return err
	}
	if j.o.SaveScores != "" {
		manifest.Program, manifest.Command, manifest.Weights = j.o.Program, j.o.Command, p.Weights
		if err := writeScores(j.o.SaveScores, j.o.Out.Force, j.m.Config, j.drop.Before(j.m.Config, scores), manifest); err != nil {
			return err
		}
	}
	p.Decided, p.Manifest = true, manifest
	cut, err := j.cut(scores)
	if err != nil {
		return err
	}
	return p.does(j.m.Config, j.stages(cut), cut)
}
