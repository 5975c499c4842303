package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/dataset"
	"moreau/internal/job"
	"moreau/internal/results"
	"moreau/internal/task"
)

// textFlags say on which texts perplexity is measured; eval and prune share them.
type textFlags struct {
	ppl  []string
	text job.TextOptions
}

// AddFlags adds the flags; idsFlag is what the one for token ids is called.
func (o *textFlags) AddFlags(cmd *cobra.Command, chunks int, idsFlag string) {
	f := cmd.Flags()
	f.StringVar(&o.text.IDs, idsFlag, "", "rows of token ids to measure perplexity on instead of text: JSON [[1,2,...],...]")
	f.StringArrayVar(&o.ppl, "ppl", nil, "NAME=FILE to measure perplexity on, repeatable; the names wikitext2 and ptb join lines as the papers do (default: built-in held-out text)")
	f.StringVar(&o.text.Protocol, "protocol", "", "how perplexity is measured: "+protocols()+" (default: rows of --seq tokens)")
	f.IntVar(&o.text.Seq, "seq", 128, "tokens a perplexity row")
	f.IntVar(&o.text.MaxLength, "max-length", 0, "tokens that --protocol rolling reads at most before a prediction, 0 for as many as the model does")
	f.IntVar(&o.text.Chunks, "chunks", chunks, "perplexity rows, or documents, at most, 0 for all")
	onlyOne(cmd, "ppl", idsFlag)
	onlyOne(cmd, "protocol", "seq")
	onlyOne(cmd, "protocol", idsFlag)
}

// protocols describes --protocol.
func protocols() string {
	var all []string
	for _, p := range dataset.Protocols {
		all = append(all, p.Name+" ("+p.About+")")
	}
	return strings.Join(all, ", ")
}

// options reads what the flags say.
func (o *textFlags) options() (job.TextOptions, error) {
	t := o.text
	for _, spec := range o.ppl {
		name, file, ok := strings.Cut(spec, "=")
		if !ok || name == "" || file == "" {
			return t, job.Usage(fmt.Errorf("--ppl %q: want NAME=FILE", spec))
		}
		t.Files = append(t.Files, job.NamedFile{Name: name, Path: file})
	}
	return t, nil
}

// evalOptions are the flags of eval.
type evalOptions struct {
	texts textFlags
	eval  job.EvalOptions
	bos   job.BOS
	timed bool
	speed job.SpeedOptions
}

// defaultSpeed is what --speed times unless other flags say otherwise.
var defaultSpeed = job.SpeedOptions{Prompt: 512, Tokens: 64, Rounds: 5}

func (o *evalOptions) AddFlags(cmd *cobra.Command) {
	o.texts.AddFlags(cmd, 0, "ids")
	bosFlag(cmd, &o.bos, "tasks: if the tokenizer adds one, as lm-evaluation-harness from 0.4.9.2 on, before that never; "+autoPapers)
	f := cmd.Flags()
	taskFlags(cmd, &o.eval.Tasks, &o.eval.Mean)
	f.BoolVar(&o.timed, "speed", false, "time generation: tokens/s of a prompt and after it, of all models in turn, all in memory")
	f.IntVar(&o.speed.Prompt, "prompt-tokens", defaultSpeed.Prompt, "length of --speed's prompt")
	f.IntVar(&o.speed.Tokens, "new-tokens", defaultSpeed.Tokens, "how many tokens --speed generates behind the first")
	f.IntVar(&o.speed.Rounds, "rounds", defaultSpeed.Rounds, "how often --speed does both")
	f.StringVarP(&o.eval.Out, "out", "o", "", "results file: every answer, with checksums; an interrupted evaluation continues")
	f.BoolVar(&o.eval.Force, "force", false, "replace the results file if it exists")
}

// taskFlags say which tasks are asked, and by which rule a mean over them is taken.
func taskFlags(cmd *cobra.Command, t *job.TaskOptions, mean *string) {
	f := cmd.Flags()
	f.StringSliceVar(&t.Names, "tasks", nil, "zero-shot tasks: "+strings.Join(task.Papers, ", ")+"; papers for these seven; "+strings.Join(task.Texts, ", ")+", read whole; or a file of your own, NAME.json")
	f.StringVar(&t.Data, "data", "", "folder that holds the tasks' records, as the hub has them or in older forms")
	f.IntVar(&t.Limit, "limit", 0, "questions of each task at most, the first ones; 0 for all")
	f.StringVar(mean, "mean", results.Rules[0].Name, meanUsage())
}

// checkTasks refuses flags of tasks without tasks.
func checkTasks(t job.TaskOptions) error {
	if len(t.Names) == 0 && (t.Data != "" || t.Limit != 0) {
		return job.Usage(errors.New("--data and --limit go with --tasks"))
	}
	return nil
}

// meanUsage describes --mean.
func meanUsage() string {
	var rules []string
	for _, r := range results.Rules {
		rules = append(rules, r.Name+": "+r.About)
	}
	return "what the mean over tasks is of. " + strings.Join(rules, "; ")
}

const evalHelp = `Measure perplexity, accuracy on zero-shot tasks, and speed.

Without --tasks perplexity is measured; with --tasks accuracy, and perplexity
too where --ppl or --ids is given. Several models are compared with the first
one, question by question. --speed times generation, alone or besides.`

func newEvalCommand(g *globals) *cobra.Command {
	o := &evalOptions{}
	cmd := &cobra.Command{
		Use: "eval MODEL [MODEL...]", Short: "Measure perplexity, accuracy and speed", Long: evalHelp,
		Example: "  moreau eval model.gguf --ppl wikitext2=wiki.test.raw --seq 2048\n  moreau eval dense.gguf pruned.gguf --tasks papers --data DIR --limit 200 -o results.json\n  moreau eval dense.gguf pruned.gguf --speed --threads 4",
		Args:    someModels,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

// options reads what the flags say.
func (o *evalOptions) options(g *globals) (job.EvalOptions, error) {
	e := o.eval
	e.Program, e.Threads = "moreau "+version, g.Threads
	texts, err := o.texts.options()
	texts.BOS, e.Tasks.BOS = o.bos, o.bos
	if len(e.Tasks.Names) == 0 && !o.timed || texts.Files != nil || texts.IDs != "" {
		e.Texts = &texts
	}
	if o.timed {
		e.Speed = &o.speed
	} else if err == nil && o.speed != defaultSpeed {
		err = job.Usage(errors.New("--prompt-tokens, --new-tokens and --rounds go with --speed"))
	}
	if err == nil {
		err = checkTasks(e.Tasks)
	}
	return e, err
}

func (o *evalOptions) run(ctx context.Context, g *globals, paths []string, stdout, stderr io.Writer) error {
	options, err := o.options(g)
	if err != nil {
		return err
	}
	be, err := g.generating()
	if err != nil {
		return err
	}
	j, err := job.NewEval(paths, be, options)
	if err != nil {
		return err
	}
	defer j.Close()
	plan := j.Plan()
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	switch {
	case err != nil:
		return stays(ctx, err, plan.Journal)
	case !g.JSON:
		printEval(stdout, r)
		return nil
	case len(r.Models) == 1:
		return printJSON(stdout, r.Models[0])
	}
	return printJSON(stdout, r)
}
