package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// recoverOptions are the flags of recover.
type recoverOptions struct {
	job.RecoverOptions
	tokens string
	data   []string
	texts  textFlags
	out    outFlags
	bos    job.BOS
	dryRun bool
}

func (o *recoverOptions) AddFlags(cmd *cobra.Command) {
	o.RecoverOptions = job.DefaultRecover()
	f := cmd.Flags()
	f.StringVar(&o.Teacher, "teacher", "", "the dense model that MODEL was pruned from, whose predictions are learnt (default: none; the next tokens of the text are)")
	f.StringArrayVar(&o.data, "data", nil, "FILE[:WEIGHT],... text to learn on: .txt, .jsonl, .json, .parquet, builtin:shakespeare, builtin:stories, or self, what the dense model writes itself; of several files rows in proportion to the weights; repeatable (default: self)")
	f.StringVar(&o.Data.IDs, "ids", "", "rows of token ids to learn on instead of text: JSON [[1,2,...],...]")
	f.StringVar(&o.Adapter, "adapter", "", "folder that the adapters are written to as well, in the form of PEFT (moreau merge)")
	f.StringVar(&o.tokens, "tokens", "300k", "tokens of the text to learn on")
	f.IntVar(&o.Data.SeqLen, "seq-len", o.Data.SeqLen, "tokens a row")
	f.StringSliceVar(&o.Projections, "projections", o.Projections, "matrices that get an adapter")
	f.IntVar(&o.Adapters.Rank, "rank", o.Adapters.Rank, "rank of an adapter")
	f.Float64Var(&o.Adapters.Alpha, "alpha", o.Adapters.Alpha, "what an adapter counts for, times its rank: W + alpha/rank·B·A")
	f.BoolVar(&o.Adapters.Stable, "rslora", false, "W + alpha/sqrt(rank)·B·A instead")
	f.Float64Var(&o.Adapters.Rate, "rate", o.Adapters.Rate, "learning rate of AdamW, at most: it rises over a tenth of the steps, and falls to nothing by a cosine")
	f.DurationVar(&o.JournalEvery, "journal-every", o.JournalEvery, "least time between saves of the state, from which the same command continues after a crash; 0 saves after every step")
	f.BoolVar(&o.NoEval, "no-eval", false, "do not measure perplexity before and after")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan and stop")
	bosFlag(cmd, &o.bos, autoRows+"; "+autoPapers)
	o.texts.AddFlags(cmd, 64, "eval-ids")
	o.out.AddFlags(cmd)
	onlyOne(cmd, "data", "ids")
}

const recoverHelp = `Give a pruned model back what training a little can: adapters of low rank (LoRA) on its
projections learn what the dense model predicts (--teacher), or the next tokens of a text, while
all else stays as it is, and become part of the matrices. No tensor is added: the file is of
the same kind as before.

Sixteen rows are held out. The loss on them is measured nine times at most, and the adapters of the
best moment are kept; where none is better than the model as it was, it stays so.

moreau verify proves what prune wrote; behind recover all projections are others.`

func newRecoverCommand(g *globals) *cobra.Command {
	o := &recoverOptions{}
	cmd := &cobra.Command{
		Use: "recover MODEL --teacher DENSE --data FILE -o OUT", Short: "Train a pruned model a little, towards the dense one", Long: recoverHelp,
		Example: `  moreau recover smaller.gguf --teacher model.gguf --data c4.jsonl -o recovered.gguf
  moreau recover smaller.gguf --data alpaca.json --tokens 1M -o recovered.gguf`,
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *recoverOptions) options(g *globals) (r job.RecoverOptions, err error) {
	r = o.RecoverOptions
	r.Adapters.Seed, r.Data.Text, r.Data.BOS, r.PlanOnly = g.Seed, strings.Join(o.data, ","), o.bos, o.dryRun
	tokens, err := parseCount("tokens", o.tokens)
	if err != nil {
		return r, err
	}
	r.Tokens = int(tokens)
	if r.Texts, err = o.texts.options(); err != nil {
		return r, err
	}
	r.Texts.BOS = o.bos
	r.Out, err = o.out.options(g)
	return r, err
}

func (o *recoverOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	options, err := o.options(g)
	if err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewRecover(path, be, options)
	if err != nil {
		return err
	}
	defer j.Close()
	plan, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	if !g.JSON {
		table(stdout, recoverRows(plan)...)
	}
	if o.dryRun {
		if g.JSON {
			return printJSON(stdout, plan)
		}
		return nil
	}
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	if err != nil {
		return stays(ctx, err, j.Kept()...)
	}
	if g.JSON {
		return printJSON(stdout, r)
	}
	printRecovered(r, stdout)
	return nil
}

// recoverRows is the plan.
func recoverRows(p job.RecoverPlan) []string {
	towards := "the next tokens"
	if p.Teacher != "" {
		towards = "what " + p.Teacher + " predicts"
	}
	return []string{
		"model\t" + p.Model,
		"towards\t" + towards,
		fmt.Sprintf("adapters\trank %d, alpha %g, of %s: %s parameters", p.Rank, p.Alpha, strings.Join(p.Projected, ", "), count(p.Trained)),
		fmt.Sprintf("text\t%s tokens in %d steps, rows of %d of %s, %s", count(int64(p.Tokens)), p.Steps, p.Data.SeqLen, p.Data.Source, job.BOSInWords(p.Data.BOS)),
		fmt.Sprintf("estimate\t%s of RAM, %s", job.Size(p.RAM), secondsRange(p.Seconds)),
		"output\t" + p.Out.String(),
	}
}

// printRecovered says what a run gave.
func printRecovered(r job.RecoverReport, stdout io.Writer) {
	fmt.Fprintf(stdout, "\nloss in training  %s\nheld-out loss     %s  %.4f -> %.4f", sparkline(r.Losses), sparkline(r.HeldOut), r.HeldOut[0], r.HeldOut[r.Best])
	if r.Best == 0 {
		fmt.Fprint(stdout, ": nothing that was learnt is better, the model stays as it was")
	}
	fmt.Fprint(stdout, "\n\n")
	rows := []string{"\tbefore\tafter\tchange"}
	for i, y := range r.After {
		x := r.Before[i]
		rows = append(rows, fmt.Sprintf("perplexity %s\t%.2f\t%.2f\t%s", x.Text, x.Perplexity, y.Perplexity, percent(x.Perplexity, y.Perplexity)))
	}
	if len(r.After) > 0 {
		table(stdout, rows...)
		fmt.Fprintln(stdout)
	}
	fmt.Fprintf(stdout, "wrote %s\n", r.Plan.Out)
}

// most characters of a sparkline.
const sparkWidth = 40

// sparkline draws values as bars of eight heights, means of neighbours where they are many.
func sparkline(values []float64) string {
	bars, n := []rune("▁▂▃▄▅▆▇█"), min(len(values), sparkWidth)
	if n == 0 {
		return ""
	}
	means := make([]float64, n)
	for i := range means {
		part := values[i*len(values)/n : (i+1)*len(values)/n]
		for _, v := range part {
			means[i] += v / float64(len(part))
		}
	}
	least, most := slices.Min(means), slices.Max(means)
	var s strings.Builder
	for _, v := range means {
		height := 0
		if most > least {
			height = int(math.Round((v - least) / (most - least) * float64(len(bars)-1)))
		}
		s.WriteRune(bars[height])
	}
	return s.String()
}
