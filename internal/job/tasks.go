package job

import (
	"context"
	"errors"
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/load"
	"moreau/internal/results"
	"moreau/internal/stage"
	"moreau/internal/task"
)

// TaskOptions say which tasks are measured.
type TaskOptions struct {
	Names []string // task.Load's; none: no task
	Data  string   // folder of their records
	Limit int      // questions of each at most, 0 for all
	BOS   BOS      // whether questions begin with BOS: the harness's default from 0.4.9.2 on is AutoBOS, before it was NeverBOS
}

// questions is a task with what its records ask.
type questions struct {
	*task.Task
	*task.Read
}

// filesOf are the files of the records of tasks.
func filesOf(tasks []questions) (files []string) {
	for _, t := range tasks {
		files = append(files, t.Read.Files...)
	}
	return files
}

// read opens the tasks and their records.
func (o TaskOptions) read() ([]questions, error) {
	if len(o.Names) == 0 {
		return nil, nil
	}
	if err := Within("limit", o.Limit, 0, MostSteps); err != nil {
		return nil, err
	}
	if o.Data == "" {
		return nil, Usage(errors.New("tasks need records: --data DIR, the folder that holds their data sets"))
	}
	tasks, err := task.Load(o.Names)
	if errors.Is(err, task.ErrName) {
		return nil, Usage(err)
	}
	if err != nil {
		return nil, Input(err)
	}
	var all []questions
	for _, t := range tasks {
		read, err := t.Read(o.Data, o.Limit)
		if err != nil {
			return nil, Input(err)
		}
		all = append(all, questions{t, read})
	}
	return all, nil
}

// accuracies are those of a run, and their mean by a rule, nil of fewer than two.
func accuracies(run results.Run, rule results.Rule) (all []Accuracy, mean *TaskMean) {
	for _, t := range run.Tasks {
		all = append(all, Accuracy{Task: t.Name, Metric: rule.Metric(t), BOS: run.BOS, Cut: t.Cut, Acc: t.Acc, AccNorm: t.AccNorm})
	}
	if len(run.Tasks) > 1 {
		mean = &TaskMean{rule.Name, rule.Mean(run.Tasks)}
	}
	return all, mean
}

// asking is tasks that several models are asked.
type asking struct {
	tasks []questions
	bos   BOS
	rule  results.Rule
}

// newAsking reads the tasks; there may be none.
func newAsking(o TaskOptions, mean string) (a asking, err error) {
	if a.rule, err = results.FindRule(mean); err != nil {
		return a, Usage(fmt.Errorf("--%w", err))
	}
	a.bos = o.BOS
	if a.tasks, err = o.read(); err != nil {
		return a, err
	}
	for _, t := range a.tasks {
		if t.Whole() {
			return a, Usage(fmt.Errorf("--tasks %s: its texts are read whole: give them to --ppl, or leave it out", t.Name))
		}
	}
	return a, nil
}

// of asks what m is after a change.
func (a asking) of(ctx context.Context, be backend.Backend, m *load.Model, after stage.Model, progress Progress) ([]Accuracy, *TaskMean, error) {
	if len(a.tasks) == 0 {
		return nil, nil, nil
	}
	changed := *m
	changed.Config, changed.Raw, changed.Weights = after.Config, after.Raw, after.Weights
	s := &subject{m: &changed}
	if err := s.encode(a.tasks, a.bos); err != nil {
		return nil, nil, err
	}
	run := s.run()
	if _, err := s.measure(ctx, be, 0, &run, nil, progress); err != nil {
		return nil, nil, err
	}
	all, mean := accuracies(run, a.rule)
	return all, mean, nil
}
