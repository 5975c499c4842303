package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moreau/internal/importance"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

// parse gives the options of prune for these arguments, and the flags that they set.
func parse(t *testing.T, args ...string) (job.PruneOptions, map[string]bool) {
	t.Helper()
	g, o, cmd, set := &globals{}, &pruneOptions{}, &cobra.Command{}, map[string]bool{}
	g.AddFlags(cmd)
	o.AddFlags(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) { set[f.Name] = true })
	p, err := o.options(g, "command")
	if err != nil {
		t.Fatal(err)
	}
	p.Card = nil // functions do not compare
	return p, set
}

// What a bare prune does: the defaults of all flags in one place.
func TestDefaults(t *testing.T) {
	got, _ := parse(t)
	want := job.PruneOptions{Program: "moreau " + version, Command: "command", Scoring: job.DefaultScoring(),
		Budget: job.BudgetOptions{Align: job.AutoAlign}, Texts: job.TextOptions{Seq: 128, Chunks: 64},
		Compensate: job.CompensateOptions{Method: "auto", Damping: 0.01, Dense: 0.25}, Tune: job.TuneOptions{Auto: true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

// Every flag of prune, and each global one that has to do with it, reaches the options.
func TestFlagsReachTheOptions(t *testing.T) {
	got, set := parse(t, "--seed", "7", "--threads", "3",
		"--calib", "c.txt:3,d.txt", "--calib", "e.txt", "--ids", "c.json", "--rows", "4", "--seq-len", "32", "--fresh-rows", "--method", "taylor", "--salience", "mix",
		"--steps", "3", "--avg", "2", "--std", "0.25", "--absolute-noise", "--lr", "0.125", "--rho", "0.5", "--eta", "0.75",
		"--memory", "1GiB", "--scratch", "s", "--state", "bf16", "--journal-every", "2s",
		"--ratio", "20%", "--layer-ratio", "0.3", "--params", "5M", "--size", "2kB", "--align", "16", "--uniform", "--layers", "1..2", "--units", "channels", "--allocate", "global",
		"--bos", "always", "--eval-ids", "e.json", "--ppl", "a=b.txt", "--ppl", "c=d=e.txt", "--protocol", "rolling", "--seq", "64", "--max-length", "96", "--chunks", "5",
		"-o", "out", "--dtype", "bf16", "--shard-size", "3MB", "--imatrix", "i.gguf", "--force",
		"--scores", "s.json", "--plan", "p.json", "--force-scores", "--drop-layers", "3", "--save-scores", "t.json", "--save-plan", "q.json", "--dry-run", "--no-eval",
		"--compensate", "refit", "--refit-rows", "6", "--damping", "0.5", "--refit-dense", "0.75", "--tune-masks", "100k")
	bf16 := tensor.BF16
	want := job.PruneOptions{
		Scoring: job.ScoringOptions{Calib: job.CalibOptions{Text: "c.txt:3,d.txt,e.txt", IDs: "c.json", Rows: 4, SeqLen: 32, Fresh: true, BOS: job.AlwaysBOS},
			Method: "taylor", Salience: "mix", Unit: "kv-group", Seed: 7,
			Envelope:     importance.Envelope{Steps: 3, Avg: 2, Std: 0.25, Absolute: true, LR: 0.125, Rho: 0.5, Eta: 0.75},
			StateOptions: job.StateOptions{Memory: 1 << 30, Scratch: "s", State: tensor.BF16, JournalEvery: 2 * time.Second}},
		Budget: job.BudgetOptions{Ratio: 0.2, LayerRatio: 0.3, Params: 5e6, Size: 2000, Align: 16, Uniform: true, Layers: "1..2", Units: "channels", Allocate: "global"},
		Texts:  job.TextOptions{Files: []job.NamedFile{{Name: "a", Path: "b.txt"}, {Name: "c", Path: "d=e.txt"}}, IDs: "e.json", Protocol: "rolling", Seq: 64, MaxLength: 96, Chunks: 5, BOS: job.AlwaysBOS},
		Out:    job.OutOptions{Path: "out", DType: &bf16, ShardBytes: 3e6, Imatrix: "i.gguf", Force: true, Threads: 3},
		Scores: "s.json", Plan: "p.json", AnyWeights: true, DropLayers: "3", SaveScores: "t.json", SavePlan: "q.json", PlanOnly: true, NoEval: true,
		Program: "moreau " + version, Command: "command", Compensate: job.CompensateOptions{Method: "refit", Rows: 6, Damping: 0.5, Dense: 0.75}, Tune: job.TuneOptions{Tokens: 100_000},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}
	cmd := newPruneCommand(&globals{})
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !set[f.Name] {
			t.Errorf("this test does not give --%s", f.Name)
		}
	})
}

// set gives args to the flags that add adds, and the names of the flags that they do not give.
func set(t *testing.T, add func(cmd *cobra.Command), args ...string) (missing []string) {
	t.Helper()
	cmd := &cobra.Command{}
	add(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if len(args) > 0 && !f.Changed {
			missing = append(missing, f.Name)
		}
	})
	return missing
}

// Every flag of the other commands that take many reaches its options, which without flags are
// those of a bare command.
func TestFlagsOfOtherCommands(t *testing.T) {
	g := &globals{Threads: 3}
	eval := func(args ...string) (job.EvalOptions, []string) {
		o := &evalOptions{}
		missing := set(t, o.AddFlags, args...)
		e, err := o.options(g)
		if err != nil {
			t.Fatal(err)
		}
		return e, missing
	}
	program := "moreau " + version
	bare, _ := eval()
	timed, _ := eval("--speed")
	tasks, _ := eval("--tasks", "papers")
	both, _ := eval("--tasks", "papers", "--speed", "--ids", "e.json")
	full, missing := eval("--ppl", "a=b.txt", "--ids", "e.json", "--protocol", "rolling", "--seq", "64", "--max-length", "96", "--chunks", "5", "--bos", "never",
		"--tasks", "boolq,piqa", "--data", "d", "--limit", "7", "--mean", "llm-pruner", "--speed", "--prompt-tokens", "8", "--new-tokens", "9", "--rounds", "2", "-o", "r.json", "--force")
	speed := defaultSpeed
	for _, tt := range []struct{ got, want any }{
		{defaultSpeed, job.SpeedOptions{Prompt: 512, Tokens: 64, Rounds: 5}},
		{bare, job.EvalOptions{Texts: &job.TextOptions{Seq: 128}, Mean: "papers", Program: program, Threads: 3}},
		{timed, job.EvalOptions{Speed: &speed, Mean: "papers", Program: program, Threads: 3}},
		{tasks, job.EvalOptions{Tasks: job.TaskOptions{Names: []string{"papers"}}, Mean: "papers", Program: program, Threads: 3}},
		{both, job.EvalOptions{Texts: &job.TextOptions{IDs: "e.json", Seq: 128}, Tasks: job.TaskOptions{Names: []string{"papers"}}, Speed: &speed, Mean: "papers", Program: program, Threads: 3}},
		{full, job.EvalOptions{Texts: &job.TextOptions{Files: []job.NamedFile{{Name: "a", Path: "b.txt"}}, IDs: "e.json", Protocol: "rolling", Seq: 64, MaxLength: 96, Chunks: 5, BOS: job.NeverBOS},
			Tasks: job.TaskOptions{Names: []string{"boolq", "piqa"}, Data: "d", Limit: 7, BOS: job.NeverBOS}, Speed: &job.SpeedOptions{Prompt: 8, Tokens: 9, Rounds: 2},
			Mean: "llm-pruner", Out: "r.json", Force: true, Program: program, Threads: 3}},
		{missing, []string(nil)},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%+v, want\n%+v", tt.got, tt.want)
		}
	}
	continued := job.GenerateOptions{Prompt: "p", IDs: "i", Chat: true, System: "s", Stop: []string{"x", "y"}}
	continued.Tokens, continued.Temperature, continued.TopK, continued.TopP, continued.MinP = 3, 0.5, 4, 0.6, 0.7
	generate, bench, verify, logits := &generateOptions{}, &benchOptions{}, &verifyOptions{}, &logitsOptions{}
	for _, c := range []struct {
		add       func(*cobra.Command)
		args      string
		got, want any
	}{
		{generate.AddFlags, "--prompt p --ids i --chat --system s -n 3 --temperature 0.5 --top-k 4 --top-p 0.6 --min-p 0.7 --stop x --stop y", &generate.GenerateOptions,
			&continued},
		{bench.AddFlags, "--like a,b --rows 4 --seq-len 5", &bench.BenchOptions, &job.BenchOptions{Like: []string{"a", "b"}, Rows: 4, SeqLen: 5}},
		{verify.AddFlags, "--rows 4 --seq-len 5 --plan p", &verify.VerifyOptions, &job.VerifyOptions{Rows: 4, SeqLen: 5, Plan: "p"}},
		{logits.AddFlags, "--ids i -o o --force", &logits.LogitsOptions, &job.LogitsOptions{IDs: "i", Out: "o", Force: true}},
	} {
		if missing := set(t, c.add, strings.Fields(c.args)...); missing != nil || !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %+v, want %+v, without %v", c.args, c.got, c.want, missing)
		}
	}
	weigh := &imatrixOptions{}
	missing = set(t, weigh.AddFlags, strings.Fields("--calib a:2 --calib b --ids i --rows 4 --seq-len 5 --bos never -o o --force")...)
	want := job.ImatrixOptions{Calib: job.CalibOptions{Text: "a:2,b", IDs: "i", Rows: 4, SeqLen: 5, BOS: job.NeverBOS}, Seed: 7, Out: "o", Force: true}
	if got := weigh.options(&globals{Seed: 7}); missing != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("imatrix: %+v, want %+v, without %v", got, want, missing)
	}
}
