package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/job"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/verify"
)

// refits prunes the built-in model and refits what is left.
func refits(t *testing.T, out string, flags ...string) ran {
	t.Helper()
	return must(t, append([]string{"prune", stories, "--ratio", "20%", "--method", "l2", "--compensate", "refit", "--refit-rows", "64", "-o", out}, flags...)...)
}

func TestRefitMakesUpForACut(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.gguf")
	r := parsed[pruneJSON](t, refits(t, out, "--seq", "64", "--chunks", "16", "--json").stdout)
	if len(r.Cut) != 1 || len(r.After) != 1 || r.After[0].Perplexity > 0.7*r.Cut[0].Perplexity {
		t.Errorf("perplexity %+v after the cut, %+v after the refit", r.Cut, r.After)
	}
	if p := r.Plan.Refit; p == nil || p.Rows != 64 || p.SeqLen != 128 || p.Calibration != "builtin:stories" || p.Damping != job.DefaultCompensate().Damping || p.Seed != 1 {
		t.Errorf("the plan says %+v", p)
	}
	e := parsed[struct{ Perplexity []job.Measured }](t, must(t, "eval", out, "--ppl", "held-out=builtin:stories", "--seq", "64", "--chunks", "16", "--json").stdout)
	if want, got := r.After[0].Perplexity, e.Perplexity[0].Perplexity; got < want*(1-1e-6) || got > want*(1+1e-6) {
		t.Errorf("the file has perplexity %g, prune said %g", got, want)
	}
	only(t, filepath.Dir(out), "out.gguf")
}

// The plan holds all that a refit needs: done again it gives the same bytes, of a folder too,
// and verify finds the model to be what the plan says.
func TestRefitByPlan(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.gguf", "a"} {
		plan, out, again := filepath.Join(dir, name+".json"), filepath.Join(dir, name), filepath.Join(dir, "again-"+name)
		refits(t, out, "--no-eval", "--save-plan", plan, "--drop-layers", "2")
		if keys := strings.Join(parsed[savedPlan](t, read(t, plan)).keys(t), " "); keys != "drop_layers refit cut" {
			t.Errorf("the plan has %s", keys)
		}
		must(t, "prune", stories, "--no-eval", "--plan", plan, "-o", again)
		sameFiles(t, name, out, again)
		v := parsed[job.VerifyReport](t, must(t, "verify", stories, out, "--plan", plan, "--json").stdout)
		if !v.Pass || v.Refitted == 0 || v.Relative() > 1e-6 {
			t.Errorf("%s: verify says %+v", name, v)
		}
		if v := parsed[job.VerifyReport](t, must(t, "verify", stories, out, "--json").stdout); !v.Pass || len(v.Changed) != 5 || v.Relative() > 1e-6 {
			t.Errorf("%s: without the plan verify says %+v", name, v)
		}
		mentions(t, must(t, "verify", stories, out).stdout, "5 projections of PRUNED (o of layers 2..3, down of layers 1..3) are not", "as after a refit", "--plan FILE compares these too", "PASS")
	}
	card := read(t, filepath.Join(dir, "a", "README.md"))
	if !strings.Contains(card, "- refit: o_proj and down_proj, on 64 x 128 tokens of builtin:stories, no BOS added; damping 0.01, 0.25 of the way to the dense model's stream\n") {
		t.Errorf("the card does not say how it was refitted:\n%s", card)
	}
}

func TestRefitRefusals(t *testing.T) {
	dir := t.TempDir()
	out, text, plan := filepath.Join(dir, "out.gguf"), filepath.Join(dir, "text.txt"), filepath.Join(dir, "plan.json")
	story, _ := os.ReadFile(filepath.Join("..", "..", "internal", "dataset", "text", "stories.calibration.txt"))
	write(t, text, string(story))
	refits(t, out, "--no-eval", "--save-plan", plan, "--calib", text)
	write(t, text, strings.Replace(string(story), " the ", " a ", -1))
	refused(t, exitInput, []string{text, "not the text"}, "prune", stories, "--no-eval", "--plan", plan, "-o", out, "--force")
	refused(t, exitInput, []string{text, "not the text"}, "verify", stories, out, "--plan", plan)
	write(t, text, string(story))
	other := filepath.Join(dir, "other.txt")
	write(t, other, string(story))
	refits(t, out, "--no-eval", "--save-plan", plan, "--calib", text+":3", "--calib", other, "--force")
	must(t, "prune", stories, "--no-eval", "--plan", plan, "-o", out, "--force")
	write(t, other, strings.Replace(string(story), " the ", " a ", -1))
	refused(t, exitInput, []string{other + ": not the text"}, "prune", stories, "--no-eval", "--plan", plan, "-o", out, "--force")
	if err := errors.Join(os.Remove(text), os.Remove(other)); err != nil {
		t.Fatal(err)
	}
	refused(t, exitInput, []string{text}, "prune", stories, "--no-eval", "--plan", plan, "-o", out, "--force")
	ids := filepath.Join(dir, "ids.json")
	write(t, ids, "[[1,2,3,4,5,6]]")
	for _, c := range []struct {
		code        int
		words, args string
	}{
		{exitUsage, "--compensate|\"tune\"|refit", "--compensate tune"},
		{exitUsage, "--allocate|--compensate refit", "--compensate bias --allocate measured"},
		{exitUsage, "--damping is of a refit|--compensate bias", "--compensate bias --damping 0.01"},
		{exitUsage, "--refit-dense is of a refit|--compensate bias", "--compensate bias --refit-dense 0"},
		{exitInput, ids + "|flap-compat|two or more", "--method flap-compat --ids " + ids},
		{exitInput, "builtin:stories|flap-compat|two or more", "--method flap-compat --rows 1"},
		{exitUsage, "--damping|more than 0", "--compensate refit --damping 0"},
		{exitUsage, "--refit-rows|2 to", "--compensate refit --refit-rows 1"},
		{exitInput, ids + "|two rows", "--compensate refit --ids " + ids},
	} {
		refused(t, c.code, strings.Split(c.words, "|"), append([]string{"prune", stories, "--no-eval", "--ratio", "10%", "--method", "l1", "-o", filepath.Join(dir, "x.gguf")}, strings.Fields(c.args)...)...)
	}
	refits(t, out, "--no-eval", "--save-plan", plan, "--force")
	for from, to := range map[string]string{`"damping":0.01`: `"damping":-1`, `"rows":64`: `"rows":999999999999`, `"seq_len":128`: `"seq_len":0`} {
		wrong := filepath.Join(dir, "wrong.json")
		write(t, wrong, strings.Replace(read(t, plan), from, to, 1))
		refused(t, exitInput, []string{wrong, "a refit on"}, "prune", stories, "--no-eval", "--plan", wrong, "-o", out, "--force")
		refused(t, exitInput, []string{wrong, "a refit on"}, "verify", stories, out, "--plan", wrong)
		os.Remove(wrong)
	}
	refused(t, exitUsage, []string{"plan", "compensate"}, "prune", stories, "--plan", plan, "--compensate", "none", "-o", out)
	must(t, "prune", stories, "--no-eval", "--ratio", "10%", "--method", "l1", "--compensate", "none", "-o", out, "--force", "--save-plan", plan)
	refused(t, exitInput, []string{plan, "without a refit"}, "verify", stories, out, "--plan", plan)
	only(t, dir, "ids.json", "out.gguf", "plan.json")
}

// Gates that are tuned behind a refit bring the model nearer to the dense one; the plan tunes again, to the byte, on any number of
// threads, and verify finds what it says.
func TestTunedMasks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	tuned := func(name string, flags ...string) ran {
		return refits(t, at(name), append([]string{"--seq-len", "64", "--tune-masks", "20k", "--drop-layers", "2", "--save-plan", at(name + ".json")}, flags...)...)
	}
	r := parsed[pruneJSON](t, tuned("a.gguf", "--seq", "64", "--chunks", "16", "--json").stdout)
	if len(r.Refitted) != 1 || len(r.After) != 1 || !(r.After[0].Perplexity < 0.97*r.Refitted[0].Perplexity) {
		t.Errorf("perplexity %+v after the refit, %+v after the tuning", r.Refitted, r.After)
	}
	untuned := r.Refitted[0].Perplexity
	if p := r.Plan.Tune; p == nil || p.Tokens != 20000 {
		t.Errorf("the plan says %+v", p)
	}
	if keys := strings.Join(parsed[savedPlan](t, read(t, at("a.gguf.json"))).keys(t), " "); keys != "drop_layers refit cut tune" {
		t.Errorf("the plan has %s", keys)
	}
	must(t, "prune", stories, "--no-eval", "--threads", "3", "--plan", at("a.gguf.json"), "-o", at("again.gguf"))
	sameFiles(t, "the plan again", at("a.gguf"), at("again.gguf"))
	if v := parsed[job.VerifyReport](t, must(t, "verify", stories, at("a.gguf"), "--plan", at("a.gguf.json"), "--json").stdout); !v.Pass || v.Refitted != 8 || v.Relative() > 1e-6 {
		t.Errorf("verify says %+v", v)
	}
	if v := parsed[job.VerifyReport](t, must(t, "verify", stories, at("a.gguf"), "--json").stdout); !v.Pass || len(v.Changed) != 8 {
		t.Errorf("without the plan verify says %+v", v)
	}
	tuned("card", "--no-eval")
	if card := read(t, filepath.Join(at("card"), "README.md")); !strings.Contains(card, "- tuning: a gate on each column of o_proj and down_proj, on 20,000 tokens, 313 rows of builtin:stories, towards what the dense model predicts\n") {
		t.Errorf("the card does not say how it was tuned:\n%s", card)
	}
	if r := parsed[pruneJSON](t, refits(t, at("untuned.gguf"), "--seq-len", "64", "--drop-layers", "2", "--seq", "64", "--chunks", "16", "--json").stdout); len(r.After) != 1 || r.After[0].Perplexity != untuned {
		t.Errorf("perplexity %+v without the tuning, %g before it", r.After, untuned)
	}
	write(t, at("wrong.json"), strings.Replace(read(t, at("a.gguf.json")), `"rows":313`, `"rows":312`, 1))
	refused(t, exitInput, []string{"builtin:stories: not the text that the plan was tuned on"}, "prune", stories, "--no-eval", "--plan", at("wrong.json"), "-o", at("x.gguf"))
	write(t, at("wrong.json"), strings.Replace(read(t, at("a.gguf.json")), `"tokens":20000`, `"tokens":0`, 1))
	refused(t, exitInput, []string{at("wrong.json"), "gates tuned on 0"}, "prune", stories, "--no-eval", "--plan", at("wrong.json"), "-o", at("x.gguf"))
	for args, words := range map[string]string{"--compensate none --tune-masks 1k": "--tune-masks|--compensate refit", "--tune-masks -3": "--tune-masks|100k", "--tune-masks 1B": "tune-masks|1 to"} {
		refused(t, exitUsage, strings.Split(words, "|"), append([]string{"prune", stories, "--no-eval", "--ratio", "10%", "--method", "l1", "-o", at("x.gguf")}, strings.Fields(args)...)...)
	}
	only(t, dir, "a.gguf", "a.gguf.json", "again.gguf", "card", "card.json", "untuned.gguf", "wrong.json")
}

// No text is needed: the model writes what it is scored and refitted on, the same on any number of threads;
// the plan does it again, and verify finds what it says.
func TestRefitOnOwnText(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	own := func(name string, flags ...string) {
		must(t, append([]string{"prune", stories, "--ratio", "20%", "--method", "wanda-sp", "--calib", "self", "--seq-len", "32", "--compensate", "refit", "--refit-rows", "20", "--no-eval",
			"-o", at(name), "--save-plan", at(name + ".json")}, flags...)...)
	}
	own("a.gguf", "--threads", "1", "--drop-layers", "2")
	own("b.gguf", "--threads", "3", "--drop-layers", "2")
	sameFiles(t, "threads", at("a.gguf"), at("b.gguf"))
	must(t, "prune", stories, "--no-eval", "--plan", at("a.gguf.json"), "-o", at("again.gguf"))
	sameFiles(t, "the plan again", at("a.gguf"), at("again.gguf"))
	if v := parsed[job.VerifyReport](t, must(t, "verify", stories, at("a.gguf"), "--plan", at("a.gguf.json"), "--json").stdout); !v.Pass || v.Refitted == 0 {
		t.Errorf("verify says %+v", v)
	}
	plan := strings.Split(read(t, at("a.gguf.json")), `"ids_sha256":"`)
	write(t, at("b.gguf.json"), strings.Join(plan, `"ids_sha256":"x`))
	refused(t, exitInput, []string{"self: not the text", "kernels"}, "prune", stories, "--no-eval", "--plan", at("b.gguf.json"), "-o", at("c.gguf"))
	only(t, dir, "a.gguf", "a.gguf.json", "again.gguf", "b.gguf", "b.gguf.json")
}

// whenThere is a context that is cancelled once a file is there.
type whenThere struct {
	context.Context
	path string
}

func (c whenThere) Err() error {
	if _, err := os.Stat(c.path); err == nil {
		return context.Canceled
	}
	return nil
}

// What an interrupted run has kept is said, with its size, and is there; the same command goes on from it and takes it away.
func TestInterruptedRefitIsKept(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, ".out.gguf.moreau-refit")
	args := []string{"prune", stories, "--ratio", "20%", "--method", "l1", "--compensate", "refit", "--refit-rows", "16", "--seq-len", "32", "--no-eval", "-o", filepath.Join(dir, "out.gguf")}
	r := run(whenThere{t.Context(), kept}, args...)
	want := fmt.Sprintf("interrupted; the same command continues from %s (%s); moreau clean %s removes it", kept, job.Size(job.BytesIn(kept)), dir)
	if r.code != exitInterrupted || r.message != want {
		t.Fatalf("exit code %d: %s, want %s", r.code, r.message, want)
	}
	must(t, args...)
	only(t, dir, "out.gguf")
}

// Biases make up for the mean of what goes: in a GGUF file of down alone, in a folder of what its flags stand for; a plan gives the
// same bytes again, and verify takes the biases or finds them by the plan.
func TestBiasesMakeUpForACut(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ place, drop string }{"a.gguf": {`"down_proj"`, ""}, "a": {`"gate_proj","up_proj","down_proj"`, "2"}} {
		plan, out, again := filepath.Join(dir, name+".json"), filepath.Join(dir, name), filepath.Join(dir, "again-"+name)
		r := parsed[pruneJSON](t, must(t, "prune", stories, "--ratio", "20%", "--method", "energy", "--rows", "32", "--compensate", "bias", "--seq", "64", "--chunks", "16",
			"--drop-layers", c.drop, "--save-plan", plan, "--json", "-o", out).stdout)
		if c.drop == "" && !(r.After[0].Perplexity < 0.97*r.Cut[0].Perplexity) {
			t.Errorf("%s: perplexity %+v after the cut, %+v with biases", name, r.Cut, r.After)
		}
		if p := r.Plan; !p.Refit.Bias || p.Selection != prune.Local || float64(p.ParamsAfter) > 0.8*float64(p.ParamsBefore) {
			t.Errorf("%s: the plan says %+v", name, p)
		}
		if text := read(t, plan); !strings.Contains(text, `{"biases":[`+c.place+`]}`) {
			t.Errorf("%s: the plan is %s", name, text)
		}
		e := parsed[struct{ Perplexity []job.Measured }](t, must(t, "eval", out, "--ppl", "held-out=builtin:stories", "--seq", "64", "--chunks", "16", "--json").stdout)
		if want, got := r.After[0].Perplexity, e.Perplexity[0].Perplexity; got < want*(1-1e-6) || got > want*(1+1e-6) {
			t.Errorf("%s: the file has perplexity %g, prune said %g", name, got, want)
		}
		must(t, "prune", stories, "--seq", "64", "--chunks", "16", "--plan", plan, "-o", again)
		sameFiles(t, name, out, again)
		if v := parsed[job.VerifyReport](t, must(t, "verify", stories, out, "--plan", plan, "--json").stdout); !v.Pass || v.Refitted == 0 || v.Relative() > 1e-6 {
			t.Errorf("%s: verify says %+v", name, v)
		}
		if v := parsed[job.VerifyReport](t, must(t, "verify", stories, out, "--json").stdout); !v.Pass || len(v.Biases) == 0 || len(v.Changed) > 0 || v.Relative() > 1e-6 {
			t.Errorf("%s: without the plan verify says %+v", name, v)
		}
		mentions(t, must(t, "verify", stories, out).stdout, "biases", "as --compensate bias leaves them", "PASS")
	}
	mentions(t, read(t, filepath.Join(dir, "a", "README.md")), "biases of o_proj and down_proj make up for the mean of what goes")
	refused(t, exitUsage, []string{"a qwen2 has no bias of down_proj", "--compensate refit"}, "prune", golden("qwen2_window"), "--ratio", "5%", "--units", "channels", "--compensate", "bias", "--dry-run", "-o", filepath.Join(dir, "q.gguf"))
}

// Layers whose projections differ need not be neighbours, nor have both.
func TestChangedLayers(t *testing.T) {
	for want, changed := range map[string][]verify.Changed{
		"o of layers 0, 4":                   {{Layer: 0, Role: model.O}, {Layer: 4, Role: model.O}},
		"down of layers 3":                   {{Layer: 3, Role: model.Down}},
		"o of layers 2, down of layers 1..2": {{Layer: 1, Role: model.Down}, {Layer: 2, Role: model.O}, {Layer: 2, Role: model.Down}},
	} {
		if got := changedLayers(changed); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
