package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A dry run refuses what the run would refuse in its first moments: scores that are missing, no scores, of another
// model or of other weights; with an output and without.
func TestDryRunReadsScores(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "score", stories, "--method", "l1", "-o", at("scores.json"))
	must(t, "score", golden("llama_mha"), "--method", "l1", "-o", at("other.json"))
	must(t, "convert", stories, "--dtype", "q8_0", "-o", at("rounded.gguf"))
	write(t, at("broken.json"), "{")
	for _, out := range [][]string{nil, {"-o", at("out.gguf")}, {"-o", at("out")}} {
		args := append([]string{"prune", stories, "--ratio", "20%", "--no-eval", "--dry-run"}, out...)
		for file, words := range map[string]string{"missing.json": "missing.json", "broken.json": "too early", "other.json": "another model"} {
			refused(t, exitInput, []string{words}, append(args, "--scores", at(file))...)
		}
		foreign := append([]string{"prune", at("rounded.gguf")}, args[2:]...)
		refused(t, exitInput, []string{"of other weights"}, append(foreign, "--scores", at("scores.json"))...)
		must(t, append(foreign, "--scores", at("scores.json"), "--force-scores")...)
		if plan := must(t, append(args, "--scores", at("scores.json"))...).stdout; !strings.Contains(plan, "scores.json (by l1)") {
			t.Errorf("%v: the plan says\n%s", out, plan)
		}
	}
}

// What is there already is said when all else is known, the plan printed, and stays; --force lets it pass.
func TestDryRunLooksAtOutputsLast(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	write(t, out, "here")
	args := []string{"prune", stories, "--ratio", "20%", "--method", "l1", "--no-eval", "--dry-run", "-o", out}
	if r := run(t.Context(), args...); r.code != exitOutput || !strings.Contains(r.message, out) || !strings.Contains(r.stdout, "parameters") {
		t.Errorf("exit code %d, %s, after\n%s", r.code, r.message, r.stdout)
	}
	if r := run(t.Context(), append(args, "--json")...); r.code != exitOutput || r.stdout != "" {
		t.Errorf("exit code %d, and before the error in JSON\n%s", r.code, r.stdout)
	}
	refused(t, exitUsage, []string{"--layers"}, append(args, "--layers", "7..9")...)
	must(t, append(args, "--force")...)
	refused(t, exitOutput, []string{out}, "prune", stories, "--ratio", "20%", "--dry-run", "--save-scores", out)
	if read(t, out) != "here" {
		t.Error("a dry run changed what is there")
	}
}

// A dry run that knows which units go saves the plan of the run; one that does not says so.
func TestDryRunSavesThePlan(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "score", stories, "--method", "l1", "-o", at("scores.json"))
	args := []string{"prune", stories, "--ratio", "20%", "--scores", at("scores.json"), "--allocate", "uniform", "--refit-rows", "8", "--tune-masks", "1k", "--no-eval", "--dtype", "f16", "-o", at("out.gguf")}
	must(t, append(args, "--dry-run", "--save-plan", at("plan.json"))...)
	if _, err := os.Stat(at("out.gguf")); err == nil {
		t.Error("the dry run wrote a model")
	}
	must(t, append(args, "--save-plan", at("same.json"))...)
	must(t, "prune", stories, "--plan", at("plan.json"), "--no-eval", "--dtype", "f16", "-o", at("again.gguf"))
	if read(t, at("again.gguf")) != read(t, at("out.gguf")) {
		t.Error("the plan gives another model than the run")
	}
	drop := func(text string) string { return strings.ReplaceAll(text, " --dry-run", "") }
	if drop(read(t, at("plan.json"))) != read(t, at("same.json")) {
		t.Errorf("the plans differ:\n%s\n%s", read(t, at("plan.json")), read(t, at("same.json")))
	}
	refused(t, exitUsage, []string{"--save-plan", "--allocate uniform"}, "prune", stories, "--ratio", "20%", "--dry-run", "--save-plan", at("not.json"))
}
