package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/load"
	"moreau/internal/output"
)

// pruneCommand are the options of moreau prune.
type pruneCommand struct {
	*globals
	scoreOptions
	budgetOptions
	pplOptions
	outOptions
	Scores     string
	SaveScores string
	SavePlan   string
	DryRun     bool
	NoEval     bool

	command string // as a person would type it again
}

const pruneHelp = `Cut the least important attention heads and MLP channels.

The plan is printed first; --dry-run stops there (a folder with just config.json
will do). --ratio is a share of the model's parameters; --layer-ratio, the
published form, a share of the heads and channels of each layer in --layers. By
default the first eighth of the layers (at most 4) and the last sixteenth (at most
2) are protected, as in the published runs: 4..29 of 32 layers are cut.

OUT is a GGUF file if its name ends in .gguf, else a Hugging Face folder.`

func newPruneCommand(g *globals) *cobra.Command {
	o := &pruneCommand{globals: g}
	cmd := &cobra.Command{
		Use: "prune MODEL --ratio 20% -o OUT", Short: "Prune a model and write what is left",
		Long: pruneHelp + "\n\nMethods:\n" + methodHelp(),
		Example: `  moreau prune model.gguf --ratio 20% --calib c4.jsonl -o smaller.gguf
  moreau prune ./llama-7b --layer-ratio 0.25 --layers 4..29 -o ./llama-5.4b
  moreau prune model.gguf --ratio 30% --scores scores.json -o smaller.gguf`,
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = commandLine(cmd, args)
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.budgetOptions.AddFlags(cmd)
	o.outOptions.AddFlags(cmd)
	o.scoreOptions.AddFlags(cmd)
	o.pplOptions.AddFlags(cmd, 64, "eval-ids")
	f := cmd.Flags()
	f.StringVar(&o.Scores, "scores", "", "use these scores instead of computing any")
	f.StringVar(&o.SaveScores, "save-scores", "", "write the scores as soon as they are known")
	f.StringVar(&o.SavePlan, "save-plan", "", "write the units that were cut (docs/formats/plan.md)")
	cmd.MarkFlagsMutuallyExclusive("scores", "save-scores") // what was read is not written again
	f.BoolVar(&o.DryRun, "dry-run", false, "print the plan and stop")
	f.BoolVar(&o.NoEval, "no-eval", false, "do not measure perplexity before and after")
	return cmd
}

func (o *pruneCommand) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	if _, err := o.find(); err != nil {
		return err
	}
	open := load.Open
	switch {
	case o.DryRun && o.Out == "":
		return o.dryRun(path, stdout)
	case o.DryRun:
		open = load.OpenSizes
	}
	if err := o.checkOutputs(path); err != nil {
		return err
	}
	m, err := open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Bare {
		return o.dryRunOf(m, stdout)
	}
	if err := o.chooseUnit(m); err != nil {
		return err
	}
	o.fitFormat(m.Config, o.Out)
	be, err := o.backend()
	if err != nil {
		return err
	}
	j := &pruneJob{pruneCommand: o, ctx: ctx, m: m, be: be, stdout: stdout, stderr: stderr}
	if err := j.prepare(); err != nil {
		return err
	}
	if !o.JSON || o.DryRun {
		if err := j.printPlan(); err != nil {
			return err
		}
	}
	if o.DryRun {
		return nil
	}
	return j.execute()
}

// dryRun plans from the configuration alone.
func (o *pruneCommand) dryRun(path string, stdout io.Writer) error {
	m, err := load.OpenConfig(path)
	if err != nil {
		return err
	}
	defer m.Close()
	return o.dryRunOf(m, stdout)
}

// dryRunOf plans from the sizes alone: no text is read, no time estimated.
func (o *pruneCommand) dryRunOf(m *load.Model, stdout io.Writer) error {
	if err := o.chooseUnit(m); err != nil {
		return err
	}
	o.fitFormat(m.Config, o.Out)
	j := &pruneJob{pruneCommand: o, m: m, stdout: stdout}
	if err := j.plan(nil); err != nil {
		return err
	}
	if o.Out != "" {
		if err := j.planOutput(); err != nil {
			return err
		}
	}
	return j.printPlan()
}

func (o *pruneCommand) checkOutputs(path string) error {
	if o.Out == "" {
		return usageError{fmt.Errorf("say where the pruned model goes: -o OUT (or --dry-run for the plan alone)")}
	}
	if err := distinct(path, o.Out, o.SaveScores, o.SavePlan); err != nil {
		return err
	}
	if err := o.outOptions.check(path); err != nil {
		return err
	}
	if !isGGUF(o.Out) {
		if err := outside(o.Out, o.Scores, o.SaveScores, o.SavePlan, o.Calib.Text, o.Calib.IDs, o.pplOptions.IDs); err != nil {
			return err
		}
	}
	for _, path := range []string{o.SaveScores, o.SavePlan} {
		if path == "" {
			continue
		}
		if err := output.Check(path, o.Force); err != nil {
			return err
		}
	}
	return nil
}
