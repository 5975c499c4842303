package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/bench"
	"moreau/internal/model"
	"moreau/internal/synth"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	Like   []string
	Rows   int
	SeqLen int
}

func (o *benchOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.Like, "like", []string{"smollm2-135m", "llama-7b"}, "geometries: "+strings.Join(synth.Names(), ", ")+", or a MODEL; the step is of the first")
	f.IntVar(&o.Rows, "rows", 10, "sequences of the step")
	f.IntVar(&o.SeqLen, "seq-len", 128, "tokens a sequence")
}

const benchHelp = `bench measures how fast this machine runs what pruning consists of: the ops at the
shapes of known models, and a whole step (loss and all gradients) of a random model.
It reads and writes no files. Times are medians of several runs. The peak is the best
run of a product that stays in cache, so a share of it says how well an op is fed.`

func newBenchCommand(g *globals) *cobra.Command {
	o := &benchOptions{}
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure the speed of this machine", Long: benchHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBench(cmd.Context(), o, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

// speeds is what bench measures; the JSON output.
type speeds struct {
	Machine bench.Machine `json:"machine"`
	Threads int           `json:"threads"` // 0: all cores
	Kernels string        `json:"kernels"` // chosen
	Peak    float64       `json:"peak_gflops"`
	Sets    []setSpeed    `json:"kernel_sets"`
	Ops     []opSpeed     `json:"ops"`
	Step    stepSpeed     `json:"step"`
}

// setSpeed is the speed of one kernel set.
type setSpeed struct {
	Name   string  `json:"name"`
	Op     string  `json:"op"`
	GFLOPS float64 `json:"gflops"`
}

// opSpeed is the speed of one op.
type opSpeed struct {
	Like  string     `json:"like"`
	Name  string     `json:"op"`
	Shape string     `json:"shape"`
	Speed float64    `json:"speed"`
	Unit  bench.Unit `json:"unit"`
}

func runBench(ctx context.Context, o *benchOptions, g *globals, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	configs, err := o.configs()
	if err != nil {
		return err
	}
	s := speeds{Machine: bench.ThisMachine(), Threads: g.Threads, Kernels: be.Name(), Peak: bench.Peak(be)}
	if s.Sets, err = kernelSets(g.Threads); err != nil {
		return err
	}
	if s.Step, err = timeStep(ctx, be, configs[0], o, g, stderr); err != nil {
		return err
	}
	if s.Ops, err = timeOps(ctx, be, configs, o, stderr); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, s)
	}
	printSpeeds(stdout, &s)
	return nil
}

// configs checks the flags and finds the geometries.
func (o *benchOptions) configs() ([]*model.Config, error) {
	if err := within("rows", o.Rows, 1, mostRows); err != nil {
		return nil, err
	}
	if err := within("seq-len", o.SeqLen, 2, mostRows); err != nil {
		return nil, err
	}
	if len(o.Like) == 0 {
		return nil, usageError{fmt.Errorf("--like names no geometry; known are %s", strings.Join(synth.Names(), ", "))}
	}
	configs := make([]*model.Config, len(o.Like))
	for i, like := range o.Like {
		cfg, _, err := geometry(like)
		if err != nil {
			return nil, err
		}
		configs[i] = cfg
	}
	return configs, nil
}

// kernelSets times one product by each set that can run here, in float32 and in
// bf16, so that one sees whether the choice is right.
func kernelSets(threads int) ([]setSpeed, error) {
	op := bench.Linear(512, 576, 1536)[0]
	var sets []setSpeed
	for _, name := range cpu.Sets() {
		be, err := cpu.NewWith(name, threads)
		if err != nil {
			return nil, err
		}
		for _, variant := range []backend.Backend{be, be.WithBF16()} {
			median, _ := op.Measure(variant)
			sets = append(sets, setSpeed{variant.Name(), op.Name + " " + op.Shape, op.Speed(median)})
		}
	}
	return sets, nil
}

func timeOps(ctx context.Context, be backend.Backend, configs []*model.Config, o *benchOptions, stderr io.Writer) ([]opSpeed, error) {
	var times []opSpeed
	for i, cfg := range configs {
		ops := bench.Ops(cfg, o.Rows, o.SeqLen)
		bar := newProgress(stderr, "ops of "+o.Like[i], int64(len(ops)))
		for _, op := range ops {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			median, _ := op.Measure(be)
			times = append(times, opSpeed{o.Like[i], op.Name, op.Shape, op.Speed(median), op.Unit})
			bar.add(1)
		}
		bar.finish("")
	}
	return times, nil
}
