package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/output"
	"moreau/internal/results"
)

// EvalOptions say what is measured of models.
type EvalOptions struct {
	Texts   *TextOptions // nil: no perplexity
	Tasks   TaskOptions
	Speed   *SpeedOptions // nil: generation is not timed
	Mean    string        // the rule of results.Rules by which a mean over tasks is taken
	Out     string        // results file, "": none
	Force   bool
	Program string // and its version, for the results file
	Threads int    // that hash weights
}

// Eval is the job that measures perplexity and accuracy of models.
type Eval struct {
	o        EvalOptions
	be       backend.Backend
	rule     results.Rule
	subjects []*subject
	release  func() // of the results file
}

// EvalPlan says what will be measured and what that takes.
type EvalPlan struct {
	Models  []SubjectPlan
	RAM     int64  // resident bytes
	Journal string // file from which the same evaluation continues, "": none
}

// SubjectPlan is what will be measured of a model.
type SubjectPlan struct {
	Model string
	Texts []TextPlan
	Tasks []TaskPlan
}

// EvalReport is what was measured.
type EvalReport struct {
	Backend     string               `json:"backend"`
	Models      []ModelReport        `json:"models"`
	Differences []results.Comparison `json:"differences,omitempty"` // of the others from the first
}

// ModelReport is what was measured of a model.
type ModelReport struct {
	Model      string     `json:"model"`
	Backend    string     `json:"backend"`
	Perplexity []Measured `json:"perplexity,omitempty"`
	Tasks      []Accuracy `json:"tasks,omitempty"`
	Mean       *TaskMean  `json:"mean,omitempty"` // of several tasks
	Speed      *Speed     `json:"speed,omitempty"`
}

// NewEval opens models and reads texts and tasks.
func NewEval(paths []string, be backend.Backend, o EvalOptions) (*Eval, error) {
	rule, err := results.FindRule(o.Mean)
	if err != nil {
		return nil, Usage(fmt.Errorf("--%w", err))
	}
	if err := o.Speed.check(); err != nil {
		return nil, err
	}
	if o.Out != "" && o.Speed != nil {
		return nil, Usage(errors.New("--speed is of this machine and moment, and no part of a results file; measure it without --out"))
	}
	if o.Out != "" {
		if err := apart(slices.Concat(paths, o.Texts.inputs(), o.Tasks.Names), []string{o.Out}); err != nil {
			return nil, err
		}
		if err := output.Check(o.Out, o.Force); err != nil {
			return nil, err
		}
	}
	release, err := output.Claim(o.Out)
	if err != nil {
		return nil, err
	}
	j := &Eval{o: o, be: be, rule: rule, release: release}
	tasks, err := o.Tasks.read()
	if err == nil {
		err = apart(filesOf(tasks), []string{o.Out})
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	for _, path := range paths {
		s, err := newSubject(path, o.Texts, tasks, o.Tasks.BOS)
		if err != nil {
			return nil, errors.Join(err, j.Close())
		}
		j.subjects = append(j.subjects, s)
		if err := o.Speed.fits(s.m); err != nil {
			return nil, errors.Join(err, j.Close())
		}
	}
	return j, nil
}

// Close closes the models and leaves the results file to other runs.
func (j *Eval) Close() error {
	j.release()
	var errs []error
	for _, s := range j.subjects {
		errs = append(errs, s.m.Close())
	}
	return errors.Join(errs...)
}

// Plan says what Execute will measure.
func (j *Eval) Plan() EvalPlan {
	var p EvalPlan
	for _, s := range j.subjects {
		texts := planTexts(s.texts)
		p.Models = append(p.Models, SubjectPlan{s.m.Path, texts, s.planTasks()})
		p.RAM = max(p.RAM, evalRAM(s.m, texts), s.taskRAM())
	}
	if j.o.Speed != nil {
		p.RAM = max(p.RAM, j.o.Speed.ram(j.subjects))
	}
	if j.o.Out != "" {
		p.Journal = filepath.Join(filepath.Dir(j.o.Out), "."+filepath.Base(j.o.Out)+".moreau-answers")
	}
	return p
}

// Execute measures, from where an interrupted evaluation of the same plan stopped.
func (j *Eval) Execute(ctx context.Context, p EvalPlan, progress Progress) (EvalReport, error) {
	file, journal, err := j.begin(ctx, p, progress)
	if err != nil {
		return EvalReport{}, err
	}
	defer journal.Close()
	report := EvalReport{Backend: j.be.Name()}
	for i, s := range j.subjects {
		if len(j.subjects) > 1 && j.measures() {
			progress.Note(s.m.Path)
		}
		rates, err := s.measure(ctx, j.be, i, &file.Runs[i], journal, progress)
		if err != nil {
			return report, Blame(s.m, err)
		}
		report.Models = append(report.Models, j.reportOf(file.Runs[i], rates))
	}
	if j.o.Speed != nil {
		speeds, err := j.speeds(ctx, progress)
		if err != nil {
			return report, err
		}
		for i, s := range speeds {
			report.Models[i].Speed = s
		}
	}
	if !j.measures() {
		return report, nil
	}
	for i := range file.Runs[1:] {
		c, err := results.Compare(file.Runs[0], file.Runs[i+1], j.rule)
		if err != nil { // nothing to pair; what was measured of each stands
			progress.Note("not compared: " + err.Error())
			continue
		}
		report.Differences = append(report.Differences, c)
	}
	if j.o.Out == "" {
		return report, nil
	}
	if err := file.Write(j.o.Out, j.o.Force); err != nil {
		return report, err
	}
	journal.Remove()
	return report, nil
}

// measures says that there are texts or tasks.
func (j *Eval) measures() bool { return j.o.Texts != nil || len(j.o.Tasks.Names) > 0 }

// begin is a results file without numbers, and the journal if there is to be one. Only a
// file that is written says which weights were measured.
func (j *Eval) begin(ctx context.Context, p EvalPlan, progress Progress) (results.File, *results.Journal, error) {
	file := results.File{Format: results.Format, Program: j.o.Program, Backend: j.be.Name()}
	for _, s := range j.subjects {
		run := s.run()
		if j.o.Out != "" {
			var err error
			if run.Weights, err = hashModel(ctx, s.m, j.o.Threads, progress); err != nil {
				return file, nil, err
			}
		}
		file.Runs = append(file.Runs, run)
	}
	if p.Journal == "" {
		return file, nil, nil
	}
	journal, err := results.OpenJournal(p.Journal, file)
	if err == nil && journal.Known() > 0 {
		progress.Note(fmt.Sprintf("continuing: %d questions and rows of text are measured already", journal.Known()))
	}
	return file, journal, err
}

// reportOf sums up a run.
func (j *Eval) reportOf(run results.Run, texts []Measured) ModelReport {
	r := ModelReport{Model: run.Model, Backend: j.be.Name(), Perplexity: texts}
	r.Tasks, r.Mean = accuracies(run, j.rule)
	return r
}
