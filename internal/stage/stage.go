// Package stage says what a change of a model is: something decided, whose result
// follows from sizes alone, and that gives a model again. Cut units and dropped layers
// (package prune) are stages. They go one after the other, and whatever takes a model
// takes what any of them gives.
package stage

import (
	"context"
	"encoding/json"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

// Model is a configuration and the weights that it describes.
type Model struct {
	Config  *model.Config
	Raw     map[string]json.RawMessage // config.json of a Hugging Face source, changed with the model; else nil
	Weights checkpoint.Checkpoint      // Hugging Face names and layout
}

// Stage is one change. Units and layers that it names count as in the model it is given.
type Stage interface {
	// Estimate is what Run would give and take for a model of configuration c; an
	// error says why the stage is not one of such a model.
	Estimate(c *model.Config) (Estimate, error)
	// Run gives the changed model. A stage that computes reads m.Weights and may take
	// long; what it gives is again a view that is read tensor by tensor.
	Run(ctx context.Context, m Model) (Model, error)
}

// Estimate is what a stage makes of a model and what running it takes.
type Estimate struct {
	After *model.Config
	Bytes int64   // in memory while it runs, beyond what the model takes; 0 for a view
	FLOPs float64 // of running it
}

// Sequence is stages in their order, each on the result of the one before: a stage.
type Sequence []Stage

// Estimate implements Stage.
func (s Sequence) Estimate(c *model.Config) (Estimate, error) {
	all := Estimate{After: c}
	for _, one := range s {
		e, err := one.Estimate(all.After)
		if err != nil {
			return Estimate{}, err
		}
		all = Estimate{After: e.After, Bytes: max(all.Bytes, e.Bytes), FLOPs: all.FLOPs + e.FLOPs}
	}
	return all, nil
}

// Run implements Stage.
func (s Sequence) Run(ctx context.Context, m Model) (Model, error) {
	for _, one := range s {
		if err := ctx.Err(); err != nil {
			return Model{}, err
		}
		var err error
		if m, err = one.Run(ctx, m); err != nil {
			return Model{}, err
		}
	}
	return m, nil
}
