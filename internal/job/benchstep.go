package job

import (
	"context"
	"math"
	"slices"
	"time"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/synth"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// StepSpeed is the speed of loss and all gradients of a model.
type StepSpeed struct {
	Like    string  `json:"like"`
	Rows    int     `json:"rows"`
	SeqLen  int     `json:"seq_len"`
	Runs    int     `json:"runs"`
	Seconds float64 `json:"seconds"` // median
	GFLOPS  float64 `json:"gflops"`  // of the matrix products
}

const (
	stepRuns = 3
	// longStep is how long a step may take to be run again.
	longStep = 10 * time.Second
	// residentMost is the largest model, in parameters, that is kept in memory as
	// float32; weights of larger ones are made again whenever a step asks for them.
	residentMost = 1 << 30
)

// discard wants every gradient and keeps none.
type discard struct{}

func (discard) Wants(model.Param) bool                 { return true }
func (discard) Grad(model.Param, backend.Buffer) error { return nil }

// timeStep measures the step of a random model of that geometry.
func timeStep(ctx context.Context, be backend.Backend, cfg *model.Config, p BenchOptions, progress Progress) (StepSpeed, error) {
	s := StepSpeed{Like: p.Like[0], Rows: p.Rows, SeqLen: p.SeqLen}
	batch, err := transformer.NewBatch(someTokens(p.Rows, p.SeqLen, cfg.VocabSize))
	if err != nil {
		return s, err
	}
	weights, err := randomWeights(be, cfg, p)
	if err != nil {
		return s, err
	}
	tr := transformer.New(be, cfg)
	done := int64(0)
	progress.Begin(TimingStep, s.Like, int64(2*len(cfg.Layers)*stepRuns))
	tr.OnLayer = func() { done++; progress.At(done) }
	var times []time.Duration
	for len(times) < stepRuns && (len(times) == 0 || times[0] < longStep) {
		start := time.Now()
		if _, err := tr.LossAndGrad(ctx, batch, weights, discard{}); err != nil {
			return s, err
		}
		times = append(times, time.Since(start))
	}
	progress.End(math.NaN())
	slices.Sort(times)
	s.Runs, s.Seconds = len(times), times[len(times)/2].Seconds()
	s.GFLOPS = (transformer.PassFLOPs(cfg, batch.Rows(), transformer.LayerWeights) + 2*float64(batch.Rows()*cfg.HeadParam().Len())) / s.Seconds / 1e9
	return s, nil
}

// randomWeights are those of a random model, in memory where they fit.
func randomWeights(be backend.Backend, cfg *model.Config, p BenchOptions) (transformer.WeightSource, error) {
	stored := transformer.NewStreamed(be, synth.New(cfg, tensor.F32, p.Seed, p.Threads))
	if cfg.ParamCount() > residentMost {
		return stored, nil
	}
	resident := transformer.NewResident(stored)
	for _, param := range cfg.Params() {
		if _, err := resident.Weight(param); err != nil {
			return nil, err
		}
	}
	return resident, nil
}

// someTokens are B rows of T ids below V, spread over the vocabulary.
func someTokens(B, T, V int) [][]int32 {
	rows := make([][]int32, B)
	for b := range rows {
		rows[b] = make([]int32, T)
		for t := range rows[b] {
			rows[b][t] = int32((b*T + t) * 7919 % V)
		}
	}
	return rows
}
