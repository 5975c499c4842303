package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/synth"
)

// synthOptions are the flags of synth.
type synthOptions struct {
	like string
	out  outFlags
}

func (o *synthOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.like, "like", "", "geometry: "+strings.Join(synth.Names(), ", ")+", or a MODEL (a folder may hold config.json alone)")
	o.out.AddFlags(cmd)
	f.Lookup("dtype").Usage = dtypeUsage("f16")
}

const synthHelp = `synth writes a random model of a given geometry, to try out memory and time at
a size without that size's weights. Norms are 1, matrices normal with deviation
0.02, output projections smaller by sqrt(2 x layers). The same seed gives the same
bytes. There is no tokenizer: give token ids to score and eval (--ids).`

func newSynthCommand(g *globals) *cobra.Command {
	o := &synthOptions{}
	cmd := &cobra.Command{
		Use: "synth --like GEOMETRY -o OUT", Short: "Write a random model of a given geometry", Long: synthHelp,
		Example: "  moreau synth --like llama-7b -o random-7b\n  moreau synth --like ./SmolLM2-135M -o random.gguf --dtype f32",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *synthOptions) run(ctx context.Context, g *globals, stdout, stderr io.Writer) error {
	out, err := o.out.options(g)
	if err != nil {
		return err
	}
	j, err := job.NewSynth(job.SynthOptions{Like: o.like, Seed: g.Seed, Out: out})
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan()
	if err != nil {
		return err
	}
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, r.Out)
	}
	fmt.Fprintf(stdout, "%s parameters, %s\n", count(r.Params), r.Out)
	return nil
}
