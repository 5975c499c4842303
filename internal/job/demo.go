package job

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/transformer"
)

// DemoPlan says what methods are compared, on the built-in model.
type DemoPlan struct {
	Methods []string // the model of the last one is written
	Ratio   float64  // of the parameters
	Eta     float64  // threshold
	Prompt  string
}

// DemoMethods are the methods of the demo.
var DemoMethods = []string{"random", "l2", "taylor", "moreau-gs", "moreau"}

// Demo is the job that prunes the built-in model by several methods at the same budget.
type Demo struct {
	out   OutOptions
	seed  uint64
	m     *load.Model
	be    backend.Backend
	texts []text

	release func() // of the output
}

// DemoRow is one model of the comparison.
type DemoRow struct {
	Method     string  `json:"method"`
	Parameters int64   `json:"parameters"`
	Bytes      int64   `json:"bytes"`
	Perplexity float64 `json:"perplexity"`
	Rate       float64 `json:"tokens_per_second"`
}

// DemoReport is the comparison.
type DemoReport struct {
	Rows          []DemoRow // the dense model first
	Prompt        string
	Dense, Pruned string // continuations of the prompt
	Out           *export.Plan
}

// NewDemo checks the output and opens the built-in model.
func NewDemo(be backend.Backend, out OutOptions, seed uint64) (*Demo, error) {
	if err := out.Check(load.Builtin); err != nil {
		return nil, err
	}
	release, err := output.Claim(out.Path)
	if err != nil {
		return nil, err
	}
	m, err := load.Open(load.Builtin)
	if err != nil {
		release()
		return nil, err
	}
	texts, err := (TextOptions{Seq: 128}).load(m, "")
	return &Demo{out, seed, m, be, texts, release}, err
}

// Close closes the model and leaves the output to other runs.
func (j *Demo) Close() error {
	j.release()
	return j.m.Close()
}

// Plan says what Execute compares. The published threshold, chosen for 7B parameters,
// shrinks nothing in so small a model: here it is larger.
func (j *Demo) Plan() DemoPlan {
	return DemoPlan{Methods: DemoMethods, Ratio: 0.1, Eta: 1e-3,
		Prompt: "Once upon a time, there was a little girl named Lily."}
}

// Execute measures the dense model and each method's, and writes the last.
func (j *Demo) Execute(ctx context.Context, p DemoPlan, progress Progress) (DemoReport, error) {
	r := DemoReport{Prompt: p.Prompt}
	e, err := exported(j.m, whole(j.m), j.out.Path)
	if err == nil {
		err = j.add(ctx, &r, "dense", e, progress)
	}
	for _, method := range p.Methods {
		if err == nil {
			e, err = j.pruned(ctx, p, method, progress)
		}
		if err == nil {
			err = j.add(ctx, &r, method, e, progress)
		}
	}
	if err != nil {
		return r, err
	}
	if err := writeModel(ctx, r.Out, progress); err != nil {
		return r, err
	}
	if r.Dense, err = j.sample(ctx, load.Builtin, p.Prompt); err != nil {
		return r, err
	}
	r.Pruned, err = j.sample(ctx, j.out.Path, p.Prompt)
	return r, err
}

// pruned scores by one method with the published settings and cuts.
func (j *Demo) pruned(ctx context.Context, p DemoPlan, method string, progress Progress) (export.Model, error) {
	o := DefaultScoring()
	o.Method, o.Seed, o.Envelope.Eta = method, j.seed, p.Eta
	s, err := newScoring(j.m, o, j.m.Config.AllLayers())
	if err != nil {
		return export.Model{}, err
	}
	run, err := s.plan(j.out.Path)
	if err != nil {
		return export.Model{}, err
	}
	if run.State != nil {
		run.State.Journal = "" // seconds are not worth one
	}
	scores, _, err := s.execute(ctx, j.be, run, progress)
	if err != nil {
		return export.Model{}, err
	}
	cut, err := prune.NewPlan(j.m.Config, scores, prune.Budget{Ratio: p.Ratio, Layers: j.m.Config.UnprotectedLayers(), Kinds: model.Kinds, Selection: prune.Local})
	if err != nil {
		return export.Model{}, err
	}
	pruned, err := cut.Run(ctx, whole(j.m))
	if err != nil {
		return export.Model{}, err
	}
	return exported(j.m, pruned, j.out.Path)
}

// add plans the output of a model and measures it.
func (j *Demo) add(ctx context.Context, r *DemoReport, method string, e export.Model, progress Progress) (err error) {
	if r.Out, err = j.out.plan(e); err != nil {
		return err
	}
	m, err := measureText(ctx, transformer.New(j.be, e.Config), transformer.NewStreamed(j.be, e.Weights), j.texts[0], MethodPerplexity, method, nil, nil, progress)
	if err != nil {
		return err
	}
	r.Rows = append(r.Rows, DemoRow{method, e.Config.ParamCount(), r.Out.Bytes, m.Perplexity, m.TokensPerSecond})
	return nil
}

func (j *Demo) sample(ctx context.Context, path, prompt string) (string, error) {
	g, err := NewGenerate(path, j.be, GenerateOptions{Prompt: prompt, Options: generate.Options{Tokens: 60}})
	if err != nil {
		return "", err
	}
	defer g.Close()
	c, err := g.Execute(ctx, func(string) {})
	return c.Text, err
}
