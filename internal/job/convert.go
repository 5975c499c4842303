package job

import (
	"context"
	"fmt"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/output"
)

// Convert is the job that writes a model as it is in another container or type.
type Convert struct {
	o       OutOptions
	m       *load.Model
	release func() // of the output
}

// NewConvert opens a model.
func NewConvert(path string, o OutOptions) (*Convert, error) {
	if o.Path == "" {
		return nil, Usage(fmt.Errorf("say where the model goes: -o OUT"))
	}
	if err := o.Check(path); err != nil {
		return nil, err
	}
	release, err := output.Claim(o.Path)
	if err != nil {
		return nil, err
	}
	m, err := load.Open(path)
	if err != nil {
		release()
		return nil, err
	}
	if o.weigh, err = o.readImportance(m); err != nil {
		m.Close()
		release()
		return nil, err
	}
	return &Convert{o, m, release}, nil
}

// Close closes the model and leaves the output to other runs.
func (j *Convert) Close() error {
	j.release()
	return j.m.Close()
}

// Plan says what files will be written.
func (j *Convert) Plan() (*export.Plan, error) {
	e, err := exported(j.m, whole(j.m), j.o.Path)
	if err != nil {
		return nil, err
	}
	return j.o.plan(e)
}

// Execute writes them: the plan is the report.
func (j *Convert) Execute(ctx context.Context, p *export.Plan, progress Progress) (*export.Plan, error) {
	return p, Blame(j.m, writeModel(ctx, p, progress))
}
