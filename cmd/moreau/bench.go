package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/job"
	"moreau/internal/synth"
)

// benchOptions are the flags of bench.
type benchOptions struct{ job.BenchOptions }

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
			return o.run(cmd.Context(), g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *benchOptions) run(ctx context.Context, g *globals, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	sets, err := kernelSets(g.Threads)
	if err != nil {
		return err
	}
	o.Seed, o.Threads = g.Seed, g.Threads
	j, err := job.NewBench(be, sets, o.BenchOptions)
	if err != nil {
		return err
	}
	r, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, r)
	}
	printSpeeds(stdout, &r)
	return nil
}

// kernelSets are the sets that can run here, in float32 and in bf16.
func kernelSets(threads int) ([]backend.Backend, error) {
	var sets []backend.Backend
	for _, name := range cpu.Sets() {
		be, err := cpu.NewWith(name, threads)
		if err != nil {
			return nil, err
		}
		sets = append(sets, be, be.WithBF16())
	}
	return sets, nil
}
