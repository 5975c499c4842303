package main

import (
	"context"
	"io"
	"slices"
	"time"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/synth"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// stepSpeed is the speed of loss and all gradients of a model.
type stepSpeed struct {
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
func timeStep(ctx context.Context, be backend.Backend, cfg *model.Config, o *benchOptions, g *globals, stderr io.Writer) (stepSpeed, error) {
	s := stepSpeed{Like: o.Like[0], Rows: o.Rows, SeqLen: o.SeqLen}
	batch, err := transformer.NewBatch(someTokens(o.Rows, o.SeqLen, cfg.VocabSize))
	if err != nil {
		return s, err
	}
	weights, err := randomWeights(be, cfg, g)
	if err != nil {
		return s, err
	}
	tr := transformer.New(be, cfg)
	bar := newProgress(stderr, "step of "+s.Like, int64(2*len(cfg.Layers)*stepRuns))
	tr.OnLayer = func() { bar.add(1) }
	var times []time.Duration
	for len(times) < stepRuns && (len(times) == 0 || times[0] < longStep) {
		start := time.Now()
		if _, err := tr.LossAndGrad(ctx, batch, weights, discard{}); err != nil {
			return s, err
		}
		times = append(times, time.Since(start))
	}
	bar.finish("")
	slices.Sort(times)
	s.Runs, s.Seconds = len(times), times[len(times)/2].Seconds()
	s.GFLOPS = (transformer.PassFLOPs(cfg, batch.Rows(), transformer.LayerWeights) + 2*float64(batch.Rows()*cfg.HeadParam().Len())) / s.Seconds / 1e9
	return s, nil
}

// randomWeights are those of a random model, in memory where they fit.
func randomWeights(be backend.Backend, cfg *model.Config, g *globals) (transformer.WeightSource, error) {
	stored := transformer.NewStored(be, synth.New(cfg, tensor.F32, g.Seed, g.Threads))
	if cfg.ParamCount() > residentMost {
		return stored, nil
	}
	resident := transformer.NewResident(stored)
	for _, p := range cfg.Params() {
		if _, err := resident.Weight(p); err != nil {
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
