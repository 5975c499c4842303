package job

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/load"
)

// Eval is the job that measures perplexity.
type Eval struct {
	m     *load.Model
	be    backend.Backend
	texts []text
}

// EvalPlan says what will be measured and what that takes.
type EvalPlan struct {
	Texts []TextPlan
	RAM   int64 // resident bytes
}

// EvalReport is what was measured.
type EvalReport struct {
	Model      string     `json:"model"`
	Backend    string     `json:"backend"`
	Perplexity []Measured `json:"perplexity"`
}

// NewEval opens a model and reads the texts.
func NewEval(path string, be backend.Backend, o TextOptions) (*Eval, error) {
	m, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	texts, err := o.load(m, "give token ids instead: --ids FILE")
	if err != nil {
		m.Close()
		return nil, err
	}
	return &Eval{m, be, texts}, nil
}

// Close closes the model.
func (j *Eval) Close() error { return j.m.Close() }

// Plan says what Execute will measure.
func (j *Eval) Plan() EvalPlan {
	texts := planTexts(j.texts)
	return EvalPlan{texts, evalRAM(j.m, texts)}
}

// Execute measures. The plan is what it is anyway.
func (j *Eval) Execute(ctx context.Context, _ EvalPlan, progress Progress) (EvalReport, error) {
	results, err := measure(ctx, j.be, j.m.Config, j.m.Weights, j.texts, Perplexity, progress)
	if err != nil {
		return EvalReport{}, Blame(j.m, err)
	}
	return EvalReport{j.m.Path, j.be.Name(), results}, nil
}
