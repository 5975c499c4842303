package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/prune"
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
	if o.DryRun && o.Out == "" {
		return o.dryRun(path, stdout)
	}
	if err := o.checkOutputs(path); err != nil {
		return err
	}
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
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
	j := &pruneJob{pruneCommand: o, m: m, stdout: stdout}
	if err := j.plan(nil); err != nil {
		return err
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

// pruneJob is one run of moreau prune.
type pruneJob struct {
	*pruneCommand
	ctx            context.Context
	m              *load.Model
	be             backend.Backend
	stdout, stderr io.Writer

	budget   prune.Budget
	scoring  *scoring // nil when scores are given
	scores   importance.Scores
	manifest importance.Manifest
	cut      *prune.Plan
	out      *export.Plan
	texts    []pplText
}

// prepare checks everything that can be wrong before any long work begins.
func (j *pruneJob) prepare() error {
	err := j.plan(nil) // a budget out of reach shows before any text is read
	if err != nil {
		return err
	}
	if j.Scores != "" {
		if err := j.readScores(); err != nil {
			return err
		}
	} else if err = j.prepareScoring(); err != nil {
		return err
	}
	if !j.NoEval {
		if j.texts, err = j.pplOptions.load(j.m, "give token ids: --eval-ids FILE, or leave perplexity out: --no-eval"); err != nil {
			return err
		}
	}
	if err := j.plan(j.scores); err != nil {
		return err
	}
	return j.planOutput()
}

func (j *pruneJob) prepareScoring() (err error) {
	if j.scoring, err = j.scoreOptions.prepare(j.m, j.m.Config.AllLayers(), j.globals); err != nil {
		return err
	}
	return j.scoring.place(j.m.Config, j.Out)
}

func (j *pruneJob) readScores() error {
	data, err := os.ReadFile(j.Scores)
	if err != nil {
		return inputError{err}
	}
	if j.scores, j.manifest, err = importance.Decode(data, j.m.Config); err != nil {
		return inputError{fmt.Errorf("%s: %w", j.Scores, err)}
	}
	return nil
}

func (j *pruneJob) plan(scores importance.Scores) (err error) {
	if j.budget, err = j.budgetOptions.budget(j.m.Config); err != nil {
		return err
	}
	if j.cut, err = prune.NewPlan(j.m.Config, scores, j.budget); errors.Is(err, prune.ErrScores) {
		return inputError{fmt.Errorf("%s: %w", j.Scores, err)}
	}
	return err
}

// planOutput plans the file; it depends on the sizes alone, so it can come
// before the scores.
func (j *pruneJob) planOutput() error {
	pruned, err := prune.Apply(j.cut, j.m.Weights)
	if err != nil {
		return err
	}
	return j.place(pruned, nil, nil)
}

// place plans the output with what its card says of the run.
func (j *pruneJob) place(pruned checkpoint.Checkpoint, before, after []measured) error {
	e, err := exportModel(j.m, j.cut.After, pruned, j.Out)
	if err != nil {
		return err
	}
	e.Card = j.card(before, after)
	j.out, err = planExport(e, &j.outOptions)
	return err
}

func (j *pruneJob) execute() error {
	before, err := j.measure(j.m.Config, j.m.Weights, "dense perplexity")
	if err != nil {
		return err
	}
	if err := j.score(); err != nil {
		return err
	}
	if err := j.plan(j.scores); err != nil {
		return err
	}
	pruned, err := prune.Apply(j.cut, j.m.Weights)
	if err != nil {
		return err
	}
	after, err := j.measure(j.cut.After, pruned, "pruned perplexity")
	if err != nil {
		return err
	}
	if err := j.write(pruned, before, after); err != nil {
		return err
	}
	if j.scoring != nil {
		j.scoring.journal.Remove()
	}
	return j.report(before, after)
}

func (j *pruneJob) measure(cfg *model.Config, w checkpoint.Checkpoint, label string) ([]measured, error) {
	if j.NoEval {
		return nil, nil
	}
	results, err := measure(j.ctx, j.be, cfg, w, j.texts, label, j.stderr)
	return results, blame(j.m, err)
}

// score computes the scores unless they were given, and keeps them if asked.
func (j *pruneJob) score() (err error) {
	if j.scoring == nil {
		return nil
	}
	if j.scores, j.manifest, err = j.scoring.execute(j.ctx, j.m, j.be, j.stderr); err != nil || j.SaveScores == "" {
		return err
	}
	return writeScores(j.SaveScores, j.Force, j.m.Config, j.scores, j.manifest)
}

func (j *pruneJob) write(pruned checkpoint.Checkpoint, before, after []measured) error {
	if err := j.place(pruned, before, after); err != nil {
		return err
	}
	if err := writeModel(j.ctx, j.out, j.stderr); err != nil || j.SavePlan == "" {
		return err
	}
	data, err := j.cut.Encode()
	if err != nil {
		return err
	}
	return output.File(j.SavePlan, j.Force, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
