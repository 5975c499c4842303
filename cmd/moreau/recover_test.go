package main

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/lora"
)

// cutStories is the built-in model without a fifth of its parameters, without a repair.
func cutStories(t *testing.T, name string, more ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	must(t, append([]string{"prune", stories, "--ratio", "20%", "--method", "l2", "--compensate", "none", "--no-eval", "-o", out}, more...)...)
	return out
}

// Adapters make a pruned model better, towards the dense model and on labels, and the file says what was measured.
func TestRecover(t *testing.T) {
	cut := cutStories(t, "cut.gguf")
	for _, teacher := range [][]string{{"--teacher", stories}, nil} {
		out := filepath.Join(t.TempDir(), "out")
		common := []string{"--seq", "64", "--chunks", "8", "--json"}
		args := append([]string{"recover", cut, "--data", "builtin:stories", "--tokens", "8k", "--ppl", "held-out=builtin:stories", "-o", out}, common...)
		r := parsed[job.RecoverReport](t, must(t, append(args, teacher...)...).stdout)
		before, after := r.Before[0].Perplexity, r.After[0].Perplexity
		if after > 0.9*before || r.Best == 0 || len(r.HeldOut) != min(lora.Checks, r.Plan.Steps)+1 || len(r.Losses) != r.Plan.Steps || r.HeldOut[r.Best] >= r.HeldOut[0] {
			t.Errorf("%v: perplexity %.2f -> %.2f, %d of %v", teacher, before, after, r.Best, r.HeldOut)
		}
		e := parsed[struct{ Perplexity []job.Measured }](t, must(t, append([]string{"eval", out, "--ppl", "held-out=builtin:stories"}, common...)...).stdout)
		if got := e.Perplexity[0].Perplexity; math.Abs(got/after-1) > 1e-6 {
			t.Errorf("%v: perplexity %.7f, recover said %.7f", teacher, got, after)
		}
		only(t, filepath.Dir(out), "out")
	}
}

// Blocks stay blocks, and a recovered file in them is what was measured.
func TestRecoverBlocks(t *testing.T) {
	cut := cutStories(t, "cut.gguf", "--dtype", "q8_0")
	out := filepath.Join(t.TempDir(), "out.gguf")
	text := must(t, "recover", cut, "--teacher", stories, "--data", "builtin:stories", "--tokens", "3k", "--projections", "o,down", "--rank", "4", "--chunks", "4", "-o", out).stdout
	if !strings.Contains(text, "Q8_0") || !strings.Contains(text, "held-out loss") || !strings.Contains(text, "of o, down:") {
		t.Error(text)
	}
	if a, b := fileSize(t, cut), fileSize(t, out); a != b {
		t.Errorf("%d bytes became %d", a, b)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// An interrupted run goes on to the bytes of one that was not, for another number of threads too.
func TestRecoverGoesOn(t *testing.T) {
	cut, dir := cutStories(t, "cut.gguf"), t.TempDir()
	args := []string{"recover", cut, "--teacher", stories, "--data", "builtin:stories", "--tokens", "6k", "--no-eval", "--journal-every", "0"}
	whole, out := filepath.Join(dir, "whole.gguf"), filepath.Join(dir, "out.gguf")
	must(t, append(args, "-o", whole)...)
	interruptions := 0
	for n := int64(80); ; n += 80 {
		ctx := &countdown{Context: t.Context()}
		ctx.left.Store(n)
		r := run(ctx, append(args, "-o", out, "--threads", "3")...)
		if r.code == exitOK {
			break
		}
		if r.code != exitInterrupted {
			t.Fatalf("exit code %d: %s", r.code, r.message)
		}
		interruptions++
	}
	if interruptions < 2 || read(t, whole) != read(t, out) {
		t.Errorf("after %d interruptions other bytes", interruptions)
	}
	only(t, dir, "out.gguf", "whole.gguf")
}

func TestRecoverRefusals(t *testing.T) {
	cut, dir := cutStories(t, "cut.gguf"), t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	few := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1,2,3],[4,5,6]]")
	for _, c := range []struct {
		code  int
		words []string
		args  string
	}{
		{exitUsage, []string{"-o OUT"}, "--data builtin:stories"},
		{exitUsage, []string{"--projections", "gates", "gate"}, "--projections q,gates -o " + out},
		{exitUsage, []string{"--rank"}, "--rank 0 -o " + out},
		{exitUsage, []string{"--rate"}, "--rate -1 -o " + out},
		{exitUsage, []string{"--data"}, "--data a:0 -o " + out},
		{exitUsage, []string{"--tokens"}, "--tokens many -o " + out},
		{exitInput, []string{few, "32 or more"}, "--ids " + few + " -o " + out},
		{exitInput, []string{golden("llama_mha"), "not pruned from it"}, "--teacher " + golden("llama_mha") + " -o " + out},
		{exitOutput, []string{"read by this run"}, "--teacher " + stories + " -o " + cut},
	} {
		refused(t, c.code, c.words, append([]string{"recover", cut}, strings.Fields(c.args)...)...)
	}
	plan := must(t, "recover", cut, "--teacher", stories, "--data", "builtin:stories", "-o", out, "--dry-run").stdout
	if !strings.Contains(plan, "estimate") || !strings.Contains(plan, "39,736 parameters") {
		t.Error(plan)
	}
	only(t, dir)
}

// A curve is as wide as it has values, at most 40, from the least to the greatest.
func TestSparkline(t *testing.T) {
	many := make([]float64, 400)
	for i := range many {
		many[i] = float64(i / 200)
	}
	for want, values := range map[string][]float64{
		"": nil, "▁": {3}, "█▁": {2, 1}, "▁▅█": {0, 0.5, 1}, strings.Repeat("▁", 20) + strings.Repeat("█", 20): many,
	} {
		if got := sparkline(values); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
}

func TestRecoverFlags(t *testing.T) {
	o := &recoverOptions{}
	missing := set(t, func(cmd *cobra.Command) { o.AddFlags(cmd) }, strings.Fields("--teacher d --data a:2 --data b --ids i --tokens 5k --seq-len 6 --projections q,v --rank 2 --alpha 3 --rslora --rate 0.1 "+
		"--adapter a --journal-every 1s --no-eval --dry-run --bos never --ppl x=y --eval-ids e --protocol gptq --seq 9 --max-length 8 --chunks 7 -o o --dtype f16 --shard-size 2GB --force")...)
	got, err := o.options(&globals{Seed: 7, Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	want := job.RecoverOptions{Teacher: "d", Data: job.CalibOptions{Text: "a:2,b", IDs: "i", SeqLen: 6, BOS: job.NeverBOS, Flag: "data"}, Tokens: 5000, Projections: []string{"q", "v"},
		Adapters: lora.Settings{Rank: 2, Alpha: 3, Stable: true, Rate: 0.1, Seed: 7}, JournalEvery: 1e9, NoEval: true, Adapter: "a", PlanOnly: true, Texts: got.Texts, Out: got.Out}
	if missing != nil || !reflect.DeepEqual(got, want) || got.Texts.IDs != "e" || got.Texts.Chunks != 7 || got.Out.Path != "o" || !got.Out.Force {
		t.Errorf("%+v, want %+v, without %v", got, want, missing)
	}
}
