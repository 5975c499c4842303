package main

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/importance"
)

// quick are the settings of a short scoring run.
var quick = []string{"--method", "moreau", "--rows", "3", "--seq-len", "48", "--steps", "2"}

// score writes scores of the built-in model and returns the file.
func score(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "scores.json")
	must(t, append(append([]string{"score", stories, "-o", out}, quick...), args...)...)
	return out
}

// scored is a scores file: what was found, apart from what the manifest says of it.
type scored struct {
	Manifest importance.Manifest
	Layers   json.RawMessage
}

func TestEveryMethodScores(t *testing.T) {
	found := map[string]string{}
	add := func(name string, args ...string) scored {
		s := parsed[scored](t, read(t, score(t, append([]string{"--method", name}, args...)...)))
		if other, ok := found[string(s.Layers)]; ok {
			t.Errorf("%s %v and %s give the same scores", name, args, other)
		}
		found[string(s.Layers)] = name + strings.Join(args, " ")
		return s
	}
	for _, name := range importance.MethodNames() {
		if m := add(name).Manifest; m.Method != name || m.Model != stories {
			t.Errorf("method %s: the manifest says %q of %q", name, m.Method, m.Model)
		}
	}
	for _, salience := range []string{"vector", "element2", "mix"} {
		if m := add("taylor", "--salience", salience).Manifest; m.Salience != salience {
			t.Errorf("salience %s: the manifest says %q", salience, m.Salience)
		}
	}
}

func TestSeedDecides(t *testing.T) {
	for _, args := range [][]string{{"--method", "random"}, {"--method", "moreau"}, {"--method", "smoothgrad", "--fresh-rows"}} {
		first, again, other := score(t, args...), score(t, args...), score(t, append(args, "--seed", "2")...)
		if read(t, first) != read(t, again) {
			t.Errorf("%v: the same seed gives other scores", args)
		}
		one, two := parsed[scored](t, read(t, first)), parsed[scored](t, read(t, other))
		if string(one.Layers) == string(two.Layers) {
			t.Errorf("%v: another seed gives the same scores", args)
		}
		if len(one.Manifest.Trace) > 0 && reflect.DeepEqual(one.Manifest.Trace, two.Manifest.Trace) {
			t.Errorf("%v: another seed gives the same losses", args)
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

// --calib given twice is a list, and loses none of its files.
func TestCalibAccumulates(t *testing.T) {
	mix := func(args ...string) scored {
		return parsed[scored](t, read(t, score(t, append(args, "--method", "wanda-sp", "--rows", "8")...)))
	}
	list, twice := mix("--calib", "builtin:stories:3,builtin:shakespeare"), mix("--calib", "builtin:stories:3", "--calib", "builtin:shakespeare")
	m := list.Manifest.Calibration
	if m.Source != "builtin:stories:3,builtin:shakespeare" || len(m.Mix) != 2 || m.Mix[0].Rows != 6 || m.Mix[1].Rows != 2 {
		t.Errorf("the manifest says %+v", m)
	}
	if string(list.Layers) != string(twice.Layers) || !reflect.DeepEqual(m, twice.Manifest.Calibration) {
		t.Error("a list and the flag given twice give other scores")
	}
	if string(mix("--calib", "builtin:stories").Layers) == string(list.Layers) {
		t.Error("the second text does not count")
	}
}
