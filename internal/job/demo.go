package job

import (
	"context"
	"math"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/generate"
	"moreau/internal/load"
)

// DemoPlan says what is compared, on the built-in model.
type DemoPlan struct {
	Methods []string // that cut alone; behind them stands what prune does by default, whose model is written
	Seeds   int
	Ratio   float64 // of the parameters
	Prompt  string
}

// DemoMethods are the methods of the demo.
var DemoMethods = []string{"random", "l2", "taylor", "moreau", "energy"}

// DemoDefault is the row of what prune does by default: energy, shares of layers, refit, gates.
const DemoDefault = "prune"

// Demo is the job that prunes the built-in model in several ways at the same budget.
type Demo struct {
	out  OutOptions
	seed uint64
	be   backend.Backend
}

// DemoRow is one model of the comparison.
type DemoRow struct {
	Method     string  `json:"method"`
	Parameters int64   `json:"parameters"`
	Perplexity float64 `json:"perplexity"` // mean over the seeds
	Deviation  float64 `json:"standard_deviation"`
}

// DemoReport is the comparison.
type DemoReport struct {
	Rows          []DemoRow // the dense model first
	Text          Measured  // what perplexity is of, measured on the dense model
	Seeds         int
	Prompt        string
	Dense, Pruned string // continuations of the prompt
	Out           *export.Plan
}

// NewDemo checks the output.
func NewDemo(be backend.Backend, out OutOptions, seed uint64) (*Demo, error) {
	return &Demo{out, seed, be}, out.Check(load.Builtin)
}

// Plan says what Execute compares.
func (j *Demo) Plan() DemoPlan {
	return DemoPlan{Methods: DemoMethods, Seeds: 3, Ratio: 0.1, Prompt: "Once upon a time, there was a little girl named Lily."}
}

// Execute measures the dense model and each method's, and writes the last.
func (j *Demo) Execute(ctx context.Context, p DemoPlan, progress Progress) (DemoReport, error) {
	r := DemoReport{Prompt: p.Prompt, Seeds: p.Seeds}
	methods := append(p.Methods[:len(p.Methods):len(p.Methods)], DemoDefault)
	progress.Begin(Comparing, "", int64(len(methods)*p.Seeds))
	var dense []Measured
	for i, method := range methods {
		var found []float64
		for s := range p.Seeds {
			writes := method == DemoDefault && s == p.Seeds-1
			one, err := j.prune(ctx, p, method, j.seed+uint64(p.Seeds-1-s), dense, writes)
			if err != nil {
				return r, err
			}
			if dense == nil {
				dense, r.Text = one.Before, one.Before[0]
				r.Rows = []DemoRow{{"dense", one.Plan.Before.ParamCount(), r.Text.Perplexity, 0}}
			}
			found = append(found, one.After[0].Perplexity)
			if s == p.Seeds-1 {
				mean, deviation := spread(found)
				r.Rows, r.Out = append(r.Rows, DemoRow{method, one.Plan.After.ParamCount(), mean, deviation}), one.Plan.Out
			}
			progress.At(int64(i*p.Seeds + s + 1))
		}
	}
	progress.End(math.NaN())
	var err error
	if r.Dense, err = j.sample(ctx, load.Builtin, p.Prompt); err == nil {
		r.Pruned, err = j.sample(ctx, j.out.Path, p.Prompt)
	}
	return r, err
}

// prune cuts by one method, or does what prune does by default, and writes the model if asked.
func (j *Demo) prune(ctx context.Context, p DemoPlan, method string, seed uint64, dense []Measured, writes bool) (PruneReport, error) {
	o := PruneOptions{Scoring: DefaultScoring(), Budget: BudgetOptions{Ratio: p.Ratio, Align: AutoAlign}, Texts: TextOptions{Seq: 128},
		Compensate: CompensateOptions{Method: NoCompensation}, Before: dense, MeasureOnly: !writes, Out: j.out}
	o.Scoring.Seed = seed
	if method == DemoDefault {
		o.Compensate, o.Tune.Auto = DefaultCompensate(), true
	} else {
		o.Scoring.Method = method
	}
	prune, err := NewPrune(load.Builtin, j.be, o)
	if err != nil {
		return PruneReport{}, err
	}
	defer prune.Close()
	plan, err := prune.Plan(ctx)
	if err != nil {
		return PruneReport{}, err
	}
	return prune.Execute(ctx, plan, unheard{})
}

// spread is the mean and the standard deviation of some values.
func spread(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(max(1, len(values)-1)))
}

// sample is how the model at path goes on from a prompt.
func (j *Demo) sample(ctx context.Context, path, prompt string) (string, error) {
	g, err := NewGenerate(path, j.be, GenerateOptions{Prompt: prompt, Options: generate.Options{Tokens: 60}})
	if err != nil {
		return "", err
	}
	defer g.Close()
	c, err := g.Execute(ctx, func(string) {})
	return c.Text, err
}
