package job

import (
	"errors"

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
