package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moreau/internal/importance"
	"moreau/internal/job"
	"moreau/internal/prune"
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
		Budget: job.BudgetOptions{Align: job.AutoAlign, Selection: prune.Local}, Texts: job.TextOptions{Seq: 128, Chunks: 64},
		Compensate: job.CompensateOptions{Method: "none", Rows: 1024, Damping: 0.01}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

// Every flag of prune, and each global one that has to do with it, reaches the options.
func TestFlagsReachTheOptions(t *testing.T) {
	got, set := parse(t, "--seed", "7", "--threads", "3",
		"--calib", "c.txt", "--ids", "c.json", "--rows", "4", "--seq-len", "32", "--fresh-rows", "--method", "taylor", "--salience", "mix", "--attention-unit", "query-head",
		"--steps", "3", "--avg", "2", "--std", "0.25", "--absolute-noise", "--lr", "0.125", "--rho", "0.5", "--eta", "0.75",
		"--memory", "1GiB", "--scratch", "s", "--state", "bf16", "--journal-every", "2s",
		"--ratio", "20%", "--layer-ratio", "0.3", "--params", "5M", "--size", "2kB", "--align", "16", "--uniform", "--layers", "1..2", "--heads-only", "--mlp-only", "--selection", "global",
		"--bos", "always", "--eval-ids", "e.json", "--ppl", "a=b.txt", "--ppl", "c=d=e.txt", "--protocol", "rolling", "--seq", "64", "--max-length", "96", "--chunks", "5",
		"-o", "out", "--dtype", "bf16", "--shard-size", "3MB", "--force",
		"--scores", "s.json", "--plan", "p.json", "--force-scores", "--drop-layers", "3", "--save-scores", "t.json", "--save-plan", "q.json", "--dry-run", "--no-eval",
		"--compensate", "refit", "--refit-rows", "6", "--damping", "0.5")
	bf16 := tensor.BF16
	want := job.PruneOptions{
		Scoring: job.ScoringOptions{Calib: job.CalibOptions{Text: "c.txt", IDs: "c.json", Rows: 4, SeqLen: 32, Fresh: true, BOS: job.AlwaysBOS},
			Method: "taylor", Salience: "mix", Unit: "query-head", Seed: 7,
			Envelope:     importance.Envelope{Steps: 3, Avg: 2, Std: 0.25, Absolute: true, LR: 0.125, Rho: 0.5, Eta: 0.75},
			StateOptions: job.StateOptions{Memory: 1 << 30, Scratch: "s", State: tensor.BF16, JournalEvery: 2 * time.Second}},
		Budget: job.BudgetOptions{Ratio: 0.2, LayerRatio: 0.3, Params: 5e6, Size: 2000, Align: 16, Uniform: true, Layers: "1..2", HeadsOnly: true, MLPOnly: true, Selection: prune.Global},
		Texts:  job.TextOptions{Files: []job.NamedFile{{Name: "a", Path: "b.txt"}, {Name: "c", Path: "d=e.txt"}}, IDs: "e.json", Protocol: "rolling", Seq: 64, MaxLength: 96, Chunks: 5, BOS: job.AlwaysBOS},
		Out:    job.OutOptions{Path: "out", DType: &bf16, ShardBytes: 3e6, Force: true, Threads: 3},
		Scores: "s.json", Plan: "p.json", AnyWeights: true, DropLayers: "3", SaveScores: "t.json", SavePlan: "q.json", PlanOnly: true, NoEval: true,
		Program: "moreau " + version, Command: "command", Compensate: job.CompensateOptions{Method: "refit", Rows: 6, Damping: 0.5},
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
