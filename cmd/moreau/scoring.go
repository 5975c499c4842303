package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/importance"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

// scoringFlags choose a method, its settings and its memory; score and prune share them.
type scoringFlags struct {
	run    job.ScoringOptions
	calib  calibFlags
	memory string
	state  string
}

func (o *scoringFlags) AddFlags(cmd *cobra.Command) {
	o.run = job.DefaultScoring()
	o.calib.AddFlags(cmd, o.run.Calib)
	f, e := cmd.Flags(), &o.run.Envelope
	f.BoolVar(&o.calib.Fresh, "fresh-rows", false, "take the next rows at each step instead of the same ones")
	f.StringVar(&o.run.Salience, "salience", o.run.Salience, "form of the Taylor term: element1, vector, element2, mix")
	f.IntVar(&e.Steps, "steps", e.Steps, "iterations of the envelope methods")
	f.IntVar(&e.Avg, "avg", e.Avg, "last iterates that are averaged")
	f.Float64Var(&e.Std, "std", e.Std, "noise, relative to each weight")
	f.BoolVar(&e.Absolute, "absolute-noise", e.Absolute, "--std is the noise itself, the same for every weight")
	f.Float64Var(&e.LR, "lr", e.LR, "step size of the iteration")
	f.Float64Var(&e.Rho, "rho", e.Rho, "proximal parameter of the envelope")
	f.Float64Var(&e.Eta, "eta", e.Eta, "threshold of moreau-gs and moreau-compat")
	f.StringVar(&o.memory, "memory", "", "most memory to use, such as 16GiB: what is left over speeds the run up; the state of the envelope methods goes to a scratch file if it must")
	f.StringVar(&o.run.Scratch, "scratch", "", "folder for a scratch file that holds the state instead of memory")
	f.StringVar(&o.state, "state", "f32", "type of the state between uses, f32 or bf16; bf16 implies a scratch file, of half the size")
	f.DurationVar(&o.run.JournalEvery, "journal-every", o.run.JournalEvery, "least time between saves of the state, from which the same command continues after a crash; 0 saves after every step")
}

// methodFlag adds --method.
func (o *scoringFlags) methodFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.run.Method, "method", o.run.Method, "importance: "+strings.Join(importance.MethodNames(), ", "))
}

// calibFlags say which rows a model is looked at on; scores, refits and importance matrices share them.
type calibFlags struct {
	job.CalibOptions
	texts []string
}

// AddFlags adds the flags, with these defaults.
func (o *calibFlags) AddFlags(cmd *cobra.Command, c job.CalibOptions) {
	o.CalibOptions = c
	f := cmd.Flags()
	f.StringArrayVar(&o.texts, "calib", nil, "FILE[:WEIGHT],... calibration text: .txt, .jsonl, .json, .parquet, or builtin:shakespeare, builtin:stories, or self, what the model writes itself; of several files rows in proportion to the weights; repeatable (default: self)")
	f.StringVar(&o.IDs, "ids", "", "calibration rows as token ids instead of text: JSON [[1,2,...],...]")
	f.IntVar(&o.Rows, "rows", c.Rows, "calibration rows a pass"+rowsNote(c.Rows))
	f.IntVar(&o.SeqLen, "seq-len", c.SeqLen, "tokens a calibration row")
	onlyOne(cmd, "calib", "ids")
}

// rowsNote says what 0 means, where it is the default.
func rowsNote(rows int) string {
	if rows > 0 {
		return ""
	}
	return "; 0: 10, of methods that read forward only 32 tokens for each input of the widest projection, 1024 rows at most"
}

// options reads what the flags say.
func (o *calibFlags) options() job.CalibOptions {
	c := o.CalibOptions
	c.Text = strings.Join(o.texts, ",")
	return c
}

// bosFlag adds --bos.
func bosFlag(cmd *cobra.Command, bos *job.BOS, auto string) {
	cmd.Flags().Var(bos, "bos", "whether texts begin with the tokenizer's BOS: always, never, auto ("+auto+")")
}

// autoRows is what --bos auto is for calibration rows.
const autoRows = "calibration rows: if the tokenizer adds one"

// autoPapers is what it is for perplexity.
const autoPapers = "perplexity: never, as in the papers"

// states are the types that --state names.
var states = map[string]tensor.DType{"f32": tensor.F32, "bf16": tensor.BF16}

// options reads what the flags say.
func (o *scoringFlags) options(g *globals) (job.ScoringOptions, error) {
	run, known := o.run, false
	run.State, known = states[o.state]
	if !known {
		return run, job.Usage(fmt.Errorf("--state %q: want f32 or bf16", o.state))
	}
	run.Seed, run.Calib = g.Seed, o.calib.options()
	var err error
	run.Memory, err = bytesFlag("memory", o.memory)
	return run, err
}

func methodHelp() string {
	var s string
	for _, m := range importance.Methods {
		s += fmt.Sprintf("  %-14s %s\n", m.Name, m.Doc)
	}
	return s
}
