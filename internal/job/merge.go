package job

import (
	"context"
	"fmt"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/lora"
	"moreau/internal/output"
)

// Merge is the job that makes an adapter of PEFT part of a model.
type Merge struct {
	o        OutOptions
	m        *load.Model
	adapters lora.Merge
	release  func() // of the output
}

// NewMerge opens a model and reads an adapter of it.
func NewMerge(path, adapter string, o OutOptions) (*Merge, error) {
	if o.Path == "" {
		return nil, Usage(fmt.Errorf("say where the merged model goes: -o OUT"))
	}
	if err := o.Check(path); err != nil {
		return nil, err
	}
	if err := apart([]string{path, adapter}, []string{o.Path}); err != nil {
		return nil, err
	}
	release, err := output.Claim(o.Path)
	if err != nil {
		return nil, err
	}
	j := &Merge{o: o, release: release}
	if j.m, err = load.Open(path); err == nil {
		if j.adapters, err = lora.Read(adapter, j.m.Config); err != nil {
			err = Input(fmt.Errorf("%s: %w", adapter, err))
		}
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Close closes the model and leaves the output to other runs.
func (j *Merge) Close() error {
	j.release()
	if j.m == nil {
		return nil
	}
	return j.m.Close()
}

// Matrices is how many are updated.
func (j *Merge) Matrices() int { return len(j.adapters) }

// Plan says what files will be written.
func (j *Merge) Plan(ctx context.Context) (*export.Plan, error) {
	merged, err := j.adapters.Run(ctx, whole(j.m))
	if err != nil {
		return nil, err
	}
	e, err := exported(j.m, merged, j.o.Path)
	if err != nil {
		return nil, err
	}
	return j.o.plan(e)
}

// Execute writes them.
func (j *Merge) Execute(ctx context.Context, p *export.Plan, progress Progress) error {
	return Blame(j.m, writeModel(ctx, p, progress))
}
