package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// pruneOptions are the flags of prune.
type pruneOptions struct {
	scoring    scoringFlags
	budget     budgetFlags
	texts      textFlags
	out        outFlags
	scores     string
	plan       string
	anyWeights bool
	drop       string
	saveScores string
	savePlan   string
	dryRun     bool
	noEval     bool
	bos        job.BOS
	compensate job.CompensateOptions
	tuneTokens string
}

func (o *pruneOptions) AddFlags(cmd *cobra.Command) {
	o.budget.AddFlags(cmd)
	o.out.AddFlags(cmd)
	o.out.addImatrix(cmd)
	o.scoring.AddFlags(cmd)
	o.scoring.methodFlag(cmd)
	o.texts.AddFlags(cmd, 64, "eval-ids")
	bosFlag(cmd, &o.bos, autoRows+"; "+autoPapers)
	f := cmd.Flags()
	f.StringVar(&o.scores, "scores", "", "use these scores instead of computing any")
	f.StringVar(&o.plan, "plan", "", "do again what this plan says (of --save-plan): no scores, no calibration")
	f.BoolVar(&o.anyWeights, "force-scores", false, "take --scores or --plan though they are of other weights")
	f.StringVar(&o.drop, "drop-layers", "", "drop these layers as a whole, before anything is scored or cut: 20..24, or 3,20..24")
	f.StringVar(&o.saveScores, "save-scores", "", "write the scores as soon as they are known")
	f.StringVar(&o.savePlan, "save-plan", "", "write what was dropped and cut (docs/formats/plan.md)")
	compensateFlags(cmd, &o.compensate)
	f.StringVar(&o.tuneTokens, "tune-masks", "auto", "then tune a gate on each column of o_proj and down_proj, by gradient descent towards what MODEL predicts. TOKENS such as 100k or 1M: on so many of the calibration text; auto: behind a refit, on 128 rows three times; none")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan and stop")
	f.BoolVar(&o.noEval, "no-eval", false, "do not measure perplexity before and after")
	onlyOne(cmd, "scores", "save-scores") // what was read is not written again
	for _, scoring := range []string{"method", "salience", "fresh-rows", "rows", "steps", "avg", "std", "absolute-noise", "lr", "rho", "eta", "memory", "scratch", "state", "journal-every"} {
		onlyOne(cmd, "scores", scoring) // which calibration text a refit reads, and whether it cuts KV groups, is said besides
		onlyOne(cmd, "plan", scoring)
	}
	for _, decided := range []string{"scores", "save-scores", "drop-layers", "ratio", "layer-ratio", "params", "size", "align", "uniform", "layers",
		"units", "allocate", "calib", "ids", "seq-len", "compensate", "refit-rows", "damping", "refit-dense", "tune-masks"} {
		onlyOne(cmd, "plan", decided)
	}
}

const pruneHelp = `Cut the least important MLP channels, and attention heads where --units says so or
channels do not suffice, and repair what is left.

By default what the cut of each layer costs is measured, layers that cost more lose
less (--allocate), and o_proj and down_proj are refitted (--compensate), on rows of
--calib or, without it, of what the model itself writes.

The plan is printed first; --dry-run stops there (a folder with just config.json
will do). --ratio is a share of the model's parameters; --layer-ratio, the
published form, a share of the heads and channels of each layer in --layers. By
default the first eighth of the layers (at most 4) and the last sixteenth (at most
2) are protected, as in the published runs: 4..29 of 32 layers are cut.

--units layers takes whole layers instead of units, those whose loss alone changes least
what the model predicts (--method divergence), and refits down_proj before them to stand in.

--drop-layers takes whole layers out first, alone or before a cut: scores are of what is
left, and --ratio is the share of MODEL's parameters that goes in all. Layers are always
numbered as in MODEL. --plan does again, to the byte, what --save-plan wrote.

OUT is a GGUF file if its name ends in .gguf, else a Hugging Face folder.`

func newPruneCommand(g *globals) *cobra.Command {
	o := &pruneOptions{}
	cmd := &cobra.Command{
		Use: "prune MODEL --ratio 20% -o OUT", Short: "Prune a model and write what is left",
		Long: pruneHelp + "\n\nMethods:\n" + methodHelp(),
		Example: `  moreau prune model.gguf --ratio 20% --calib c4.jsonl -o smaller.gguf
  moreau prune ./llama-7b --layer-ratio 0.25 --layers 4..29 -o ./llama-5.4b
  moreau prune model.gguf --ratio 30% --scores scores.json -o smaller.gguf
  moreau prune model.gguf --drop-layers 20..24 --ratio 30% -o smaller.gguf
  moreau prune model.gguf --ratio 10% --units layers -o smaller.gguf
  moreau prune model.gguf --plan plan.json -o smaller.gguf`,
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("method") {
				o.scoring.run.Method = job.MethodFor(o.budget.cut.Units)
			}
			if o.scores != "" && o.compensate.Method == job.NoCompensation && cmd.Flags().Changed("seq-len") {
				return job.Usage(errors.New("--seq-len is of calibration rows: --scores without a refit reads none; leave it out, or ask for --compensate refit"))
			}
			return o.run(cmd.Context(), g, args[0], commandLine(cmd, args), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	groupFlags(cmd, pruneFlags)
	return cmd
}

// pruneFlags are the flags by topic, common ones first.
var pruneFlags = []flagGroup{
	{"How much goes", []string{"ratio", "size", "params", "layer-ratio", "drop-layers"}},
	{"Output", []string{"out", "dtype", "force", "dry-run", "imatrix", "shard-size", "save-plan", "save-scores"}},
	{"Texts", []string{"calib", "ppl", "chunks", "seq", "protocol", "max-length", "no-eval", "bos", "ids", "eval-ids"}},
	{"What goes", []string{"units", "layers", "allocate", "uniform", "align", "scores", "plan", "force-scores"}},
	{"Repair", []string{"compensate", "tune-masks", "refit-rows", "refit-dense", "damping"}},
	{"Scoring", []string{"method", "rows", "seq-len", "steps", "fresh-rows", "salience", "avg", "std", "absolute-noise", "lr", "rho", "eta"}},
	{"Memory and disk", []string{"memory", "scratch", "state", "journal-every"}},
	{"Help", []string{"help"}},
}

// options reads what the flags say; command is how a person would type them again.
func (o *pruneOptions) options(g *globals, command string) (p job.PruneOptions, err error) {
	p = job.PruneOptions{Scores: o.scores, NoEval: o.noEval, SaveScores: o.saveScores, SavePlan: o.savePlan, PlanOnly: o.dryRun,
		Plan: o.plan, AnyWeights: o.anyWeights, DropLayers: o.drop, Compensate: o.compensate,
		Program: "moreau " + version, Command: command, Card: cardText}
	if p.Scoring, err = o.scoring.options(g); err != nil {
		return p, err
	}
	if p.Budget, err = o.budget.options(); err != nil {
		return p, err
	}
	if p.Texts, err = o.texts.options(); err != nil {
		return p, err
	}
	if p.Tune, err = parseTuning(o.tuneTokens); err != nil {
		return p, err
	}
	p.Scoring.Calib.BOS, p.Texts.BOS = o.bos, o.bos
	p.Out, err = o.out.options(g)
	return p, err
}

// parseTuning reads --tune-masks.
func parseTuning(s string) (job.TuneOptions, error) {
	switch s {
	case "auto":
		return job.TuneOptions{Auto: true}, nil
	case "none":
		return job.TuneOptions{}, nil
	}
	tokens, err := parseCount("tune-masks", s)
	return job.TuneOptions{Tokens: int(tokens)}, err
}

func (o *pruneOptions) run(ctx context.Context, g *globals, path, command string, stdout, stderr io.Writer) error {
	options, err := o.options(g, command)
	if err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewPrune(path, be, options)
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan(ctx)
	if err != nil {
		return stays(ctx, err, j.Kept()...)
	}
	if !g.JSON {
		printPlan(plan, stdout)
	}
	if o.dryRun {
		return o.end(j, plan, g, stdout)
	}
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	if err != nil {
		return stays(ctx, err, j.Kept()...)
	}
	if g.JSON {
		return printJSON(stdout, pruneJSON{newPlanJSON(r.Plan), r.Before, r.Cut, r.Refitted, r.After, options.Out.Path, r.WeightBytes})
	}
	fmt.Fprintln(stdout)
	if r.Plan.Chosen != nil {
		fmt.Fprintf(stdout, "dropped layers %s\n\n", spans(r.Plan.Dropped()))
	}
	if r.Plan.Costs != nil {
		table(stdout, costRows(r.Plan)...)
		fmt.Fprintln(stdout)
	}
	table(stdout, append([]string{"\tbefore\tafter\tchange"}, resultRows(r, "\t")...)...)
	if note := perplexityNote(r.Plan); note != "" {
		fmt.Fprintln(stdout, note)
	}
	fmt.Fprintf(stdout, "\nwrote %s\n", r.Plan.Out)
	for _, w := range r.Plan.Warnings {
		fmt.Fprintln(stdout, "warning: "+w)
	}
	return nil
}

// end ends a dry run: what is there already is looked at when all else is known and said.
func (o *pruneOptions) end(j *job.Prune, plan job.PrunePlan, g *globals, stdout io.Writer) error {
	if err := j.CheckOutputs(); err != nil {
		return err
	}
	if err := j.SavePlan(plan); err != nil || !g.JSON {
		return err
	}
	return printJSON(stdout, newPlanJSON(plan))
}

// compensateFlags say how what is left is repaired.
func compensateFlags(cmd *cobra.Command, c *job.CompensateOptions) {
	*c = job.DefaultCompensate()
	f := cmd.Flags()
	f.StringVar(&c.Method, "compensate", c.Method, "refit: fit what is left of o_proj and down_proj to what they gave, in closed form, layer after layer; bias: give o_proj and down_proj biases of what goes, in the mean (FLAP), where the output has a place for them; none; auto: refit, unless there is no text or but one row for it")
	f.IntVar(&c.Rows, "refit-rows", c.Rows, "calibration rows of a refit, or of those means; 0: 32 tokens for each input of the widest projection, 1024 rows at most")
	f.Float64Var(&c.Damping, "damping", c.Damping, "ridge of a refit towards the weights as they are, in mean squares of the inputs")
	f.Float64Var(&c.Dense, "refit-dense", c.Dense, "how far a refit leads outputs back to the residual stream of the dense model, 0 to 1")
	beforeRun(cmd, func(cmd *cobra.Command) error {
		for _, name := range []string{"damping", "refit-dense"} {
			if c.Method == job.Biased && cmd.Flags().Changed(name) {
				return job.Usage(fmt.Errorf("--%s is of a refit: --compensate bias fits nothing; leave it out, or ask for --compensate refit", name))
			}
		}
		return nil
	})
}
