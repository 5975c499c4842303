package job

import (
	"context"
	"fmt"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// PruneOptions are those of a pruned model.
type PruneOptions struct {
	Scoring    ScoringOptions
	Scores     string // scores.json to use instead of scoring
	Plan       string // plan.json to do again; of the other options those of texts and outputs count
	AnyWeights bool   // take Scores and Plan of other weights
	DropLayers string // layers that go first, as a whole: "20..24", "3,20..24"; "": none
	Budget     BudgetOptions
	Compensate CompensateOptions
	Tune       TuneOptions
	Texts      TextOptions
	NoEval     bool // measure no perplexity
	Out        OutOptions
	SaveScores string // scores.json to write, "": none
	SavePlan   string // plan.json to write, "": none
	Program    string // name and version, for SavePlan
	Command    string // that a person would type again, for SavePlan
	PlanOnly   bool   // sizes alone will do: Out.Path may be "", the weights may be missing

	MeasureOnly bool       // write nothing; what an interrupted run is to go on from is beside Out.Path all the same
	Before      []Measured // of the dense model on Texts, if it is known

	// Card writes the model card of a folder. While the output is planned it is asked
	// for one of a report without results, for its size.
	Card func(PruneReport) string
}

// Prune is the job that cuts a model.
type Prune struct {
	o        PruneOptions
	m        *load.Model
	rest     *load.Model   // m without drop and with biases: what is scored and cut
	drop     prune.Drop    // layers that go first
	chosen   prune.Drop    // layers that scores choose to go instead of units; before there are any, as many
	biases   prune.Biases  // that it got after that; 0: none
	again    *prune.Record // what Plan says, nil: none
	be       backend.Backend
	source   Source
	budget   prune.Budget
	sized    *prune.Plan // which units go is still to be decided by scores
	scoring  *scoring    // nil when scores are given, or sizes alone are known
	scores   importance.Scores
	manifest importance.Manifest // of the scores, as far as they are known
	texts    []text
	refit    *refitting        // nil: what is left is not repaired
	noRefit  string            // why not, where nobody said so
	tuning   *tuning           // nil: no gates are tuned
	columns  export.Importance // of those of m; nil: none is known
	release  func()            // of the outputs
	force    bool              // what is there may be replaced

	also func(ctx context.Context, after stage.Model, progress Progress) error // what else is measured of the result; nil: nothing
}

// NewPrune opens a model and finds everything that can be wrong before long work begins,
// but for the output, which Plan looks at.
func NewPrune(path string, be backend.Backend, o PruneOptions) (*Prune, error) {
	err := o.setUnit()
	if err == nil {
		err = o.Scoring.Check()
	}
	if err == nil {
		err = o.checkWhole()
	}
	if err == nil {
		err = o.Compensate.check()
	}
	if err == nil {
		err = o.Tune.check()
	}
	force := o.Out.Force
	if o.PlanOnly { // what is there is looked at when all else is known: CheckOutputs
		o.Out.Force = true
	}
	if err == nil && !o.MeasureOnly && (o.Out.Path != "" || !o.PlanOnly) {
		err = o.checkOutputs(path)
	}
	release := func() {}
	if err == nil && !o.MeasureOnly && !o.PlanOnly {
		release, err = output.Claim(o.Out.Path, o.SaveScores, o.SavePlan)
	}
	if err != nil {
		return nil, err
	}
	m, err := o.open(path)
	if err != nil {
		release()
		return nil, err
	}
	j := &Prune{o: o, m: m, be: be, source: newSource(m), release: release, force: force}
	if err := j.prepare(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// setUnit lets what is cut decide what is scored.
func (o *PruneOptions) setUnit() error {
	kinds, err := o.Budget.kinds()
	if slices.Contains(kinds, model.QueryHeads) {
		o.Scoring.Unit = QueryHead
	}
	return err
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
	inputs := append(o.Texts.inputs(), path, o.Scores, o.Plan, o.Out.Imatrix)
	inputs = append(inputs, o.Scoring.Calib.inputs()...)
	if err := apart(inputs, []string{o.Out.Path, o.SaveScores, o.SavePlan}); err != nil {
		return err
	}
	if err := o.Out.Check(path); err != nil {
		return err
	}
	return o.checkFiles()
}

// checkFiles refuses scores and plans that are there already.
func (o PruneOptions) checkFiles() error {
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

// CheckOutputs refuses outputs that are there already; of a run that is not PlanOnly, NewPrune has.
func (j *Prune) CheckOutputs() error {
	o := j.o
	o.Out.Force = j.force
	if o.Out.Path != "" {
		return o.checkOutputs(j.m.Path)
	}
	return o.checkFiles()
}

// sizesAlone says that the plan is made of sizes: no text is read, no time estimated.
func (j *Prune) sizesAlone() bool { return j.m.Bare || j.o.Out.Path == "" }

// Close closes the model and leaves the outputs to other runs.
func (j *Prune) Close() error {
	j.release()
	return j.m.Close()
}
