package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// scoreOptions are the flags of score.
type scoreOptions struct {
	scoring scoringFlags
	layers  string
	out     string
	force   bool
}

func (o *scoreOptions) AddFlags(cmd *cobra.Command) {
	o.scoring.AddFlags(cmd)
	o.scoring.methodFlag(cmd)
	bosFlag(cmd, &o.scoring.calib.BOS, autoRows)
	f := cmd.Flags()
	unit := &o.scoring.run.Unit
	f.StringVar(unit, "attention-unit", *unit, "what attention is to lose: kv-group, a KV head with its query heads; or query-head, the weakest query heads of every KV group, as many of each")
	f.StringVar(&o.layers, "layers", "", "layers to score, A..B (default: all)")
	f.StringVarP(&o.out, "out", "o", "", "scores file to write")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
}

const scoreHelp = `Score every KV group (or query head: --attention-unit) and MLP channel. The file holds
one number per unit, layer and kind (docs/formats/scores.md); moreau prune --scores
takes it.

Methods:
`

func newScoreCommand(g *globals) *cobra.Command {
	o := &scoreOptions{}
	cmd := &cobra.Command{
		Use: "score MODEL -o scores.json", Short: "Score heads and channels, to prune at any ratio later", Long: scoreHelp + methodHelp(),
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], commandLine(cmd, args), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *scoreOptions) run(ctx context.Context, g *globals, path, command string, stdout, stderr io.Writer) error {
	scoring, err := o.scoring.options(g)
	if err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewScore(path, be, job.ScoreOptions{Scoring: scoring, Layers: o.layers, Out: o.out, Force: o.force,
		Program: "moreau " + version, Command: command, Threads: g.Threads})
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan()
	if err != nil {
		return err
	}
	if s := plan.State; s != nil && (s.Scratch != "" || s.Journal == "") {
		fmt.Fprintln(stderr, "state:", stateNote(s))
	}
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	if err != nil {
		return stays(ctx, err, j.Kept()...)
	}
	if g.JSON {
		return printJSON(stdout, r.Manifest)
	}
	fmt.Fprintf(stdout, "%s: scores of %d dimensions by %s\n", r.Path, r.Dimensions, r.Manifest.Method)
	return nil
}
