package main

import (
	"path/filepath"
	"testing"

	"moreau/internal/importance"
)

// quick are the settings of a short scoring run.
var quick = []string{"--rows", "3", "--seq-len", "48", "--steps", "2"}

// score writes scores of the built-in model and returns the file.
func score(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "scores.json")
	must(t, append(append([]string{"score", stories, "-o", out}, quick...), args...)...)
	return out
}

func TestEveryMethodScores(t *testing.T) {
	texts := map[string]string{}
	for _, name := range importance.MethodNames() {
		text := read(t, score(t, "--method", name))
		manifest := parsed[struct{ Manifest importance.Manifest }](t, text).Manifest
		if manifest.Method != name || manifest.Model != stories {
			t.Errorf("method %s: the manifest says %q of %q", name, manifest.Method, manifest.Model)
		}
		if other, ok := texts[text]; ok {
			t.Errorf("%s and %s give the same file", name, other)
		}
		texts[text] = name
	}
	for _, salience := range []string{"vector", "element2", "mix"} {
		score(t, "--method", "taylor", "--salience", salience)
	}
}

func TestSeedDecides(t *testing.T) {
	for _, args := range [][]string{{"--method", "random"}, {"--method", "moreau"}, {"--method", "smoothgrad", "--fresh-rows"}} {
		first, again, other := score(t, args...), score(t, args...), score(t, append(args, "--seed", "2")...)
		if read(t, first) != read(t, again) {
			t.Errorf("%v: the same seed gives other scores", args)
		}
		if read(t, first) == read(t, other) {
			t.Errorf("%v: another seed gives the same scores", args)
		}
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	var scores, models []string
	for _, n := range []string{"1", "2", "3", "8"} {
		scores = append(scores, read(t, score(t, "--method", "moreau-gs", "--threads", n)))
		out := filepath.Join(t.TempDir(), "out.gguf")
		must(t, append([]string{"prune", stories, "--ratio", "20%", "-o", out, "--threads", n, "--chunks", "4"}, quick...)...)
		models = append(models, read(t, out))
	}
	for i := range scores {
		if scores[i] != scores[0] || models[i] != models[0] {
			t.Errorf("run %d of threads 1, 2, 3, 8 gives other bytes than the first", i)
		}
	}
}

func TestGenericKernels(t *testing.T) {
	t.Setenv("MOREAU_CPU", "generic")
	m := parsed[struct{ Manifest importance.Manifest }](t, read(t, score(t))).Manifest
	if m.Backend != "cpu/generic" {
		t.Errorf("MOREAU_CPU=generic ran %q", m.Backend)
	}
}
