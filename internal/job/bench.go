package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"moreau/internal/backend"
	"moreau/internal/bench"
	"moreau/internal/model"
	"moreau/internal/synth"
)

// BenchOptions say at which shapes a machine is timed.
type BenchOptions struct {
	Like    []string // known geometries or models; the step is of the first
	Rows    int      // sequences of the step
	SeqLen  int      // tokens of each
	Seed    uint64
	Threads int // 0: one a core
}

// Bench is the job that times this machine.
type Bench struct {
	o        BenchOptions
	backends []backend.Backend // the chosen one, then one of each kernel set
	configs  []*model.Config
}

// BenchReport is what was measured; speeds are medians of several runs.
type BenchReport struct {
	Machine bench.Machine `json:"machine"`
	Threads int           `json:"threads"` // 0: all cores
	Kernels string        `json:"kernels"` // chosen
	Peak    float64       `json:"peak_gflops"`
	Sets    []SetSpeed    `json:"kernel_sets"`
	Ops     []OpSpeed     `json:"ops"`
	Step    StepSpeed     `json:"step"`
}

// SetSpeed is the speed of one kernel set.
type SetSpeed struct {
	Name   string  `json:"name"`
	Op     string  `json:"op"`
	GFLOPS float64 `json:"gflops"`
}

// OpSpeed is the speed of one op.
type OpSpeed struct {
	Like  string     `json:"like"`
	Name  string     `json:"op"`
	Shape string     `json:"shape"`
	Speed float64    `json:"speed"`
	Unit  bench.Unit `json:"unit"`
}

// NewBench checks the options and finds the geometries. be is what steps and ops are timed
// with; of each of sets one product is timed too, so that one sees whether the choice is right.
func NewBench(be backend.Backend, sets []backend.Backend, o BenchOptions) (*Bench, error) {
	if err := errors.Join(Within("rows", o.Rows, 1, MostRows), Within("seq-len", o.SeqLen, 2, MostRows)); err != nil {
		return nil, err
	}
	if len(o.Like) == 0 {
		return nil, Usage(fmt.Errorf("--like names no geometry; known are %s", strings.Join(synth.Names(), ", ")))
	}
	j := &Bench{o: o, backends: append([]backend.Backend{be}, sets...), configs: make([]*model.Config, len(o.Like))}
	for i, like := range o.Like {
		cfg, _, err := geometry(like)
		if err != nil {
			return nil, err
		}
		j.configs[i] = cfg
	}
	return j, nil
}

// Plan is what Execute times: the options.
func (j *Bench) Plan() BenchOptions { return j.o }

// Execute times.
func (j *Bench) Execute(ctx context.Context, p BenchOptions, progress Progress) (BenchReport, error) {
	be := j.backends[0]
	r := BenchReport{Machine: bench.ThisMachine(), Threads: p.Threads, Kernels: be.Name(), Peak: bench.Peak(be)}
	op := bench.Linear(512, 576, 1536)[0]
	for _, set := range j.backends[1:] {
		median, _ := op.Measure(set)
		r.Sets = append(r.Sets, SetSpeed{set.Name(), op.Name + " " + op.Shape, op.Speed(median)})
	}
	var err error
	if r.Step, err = timeStep(ctx, be, j.configs[0], p, progress); err != nil {
		return r, err
	}
	r.Ops, err = j.timeOps(ctx, p, progress)
	return r, err
}

func (j *Bench) timeOps(ctx context.Context, p BenchOptions, progress Progress) ([]OpSpeed, error) {
	var times []OpSpeed
	for i, cfg := range j.configs {
		ops := bench.Ops(cfg, p.Rows, p.SeqLen)
		progress.Begin(TimingOps, p.Like[i], int64(len(ops)))
		for n, op := range ops {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			median, _ := op.Measure(j.backends[0])
			times = append(times, OpSpeed{p.Like[i], op.Name, op.Shape, op.Speed(median), op.Unit})
			progress.At(int64(n + 1))
		}
		progress.End(math.NaN())
	}
	return times, nil
}
