package job

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two names of a file are one, whether it is there or not; the model is never written over.
func TestApart(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"folder", "folder/sub"} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"model", "other"} {
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("model", "link"), os.Link("model", "hard"), os.Symlink("folder", "way")); err != nil {
		t.Skip(err)
	}
	abs, err := filepath.Abs("new")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		outs []string
		want error
	}{
		{[]string{"model"}, ErrOutput}, {[]string{"./model"}, ErrOutput}, {[]string{"link"}, ErrOutput}, {[]string{"hard"}, ErrOutput}, {[]string{"new", "link"}, ErrOutput},
		{[]string{"other", "other"}, ErrUsage}, {[]string{"new", "folder/../new"}, ErrUsage}, {[]string{"new", "other", abs}, ErrUsage},
		{[]string{"new", "other", "", ""}, nil}, {[]string{"new", "new2"}, nil},
	} {
		if err := apart([]string{"model"}, tt.outs); !errors.Is(err, tt.want) {
			t.Errorf("outputs %q: %v, want %v", tt.outs, err, tt.want)
		}
	}
	for file, inside := range map[string]bool{"folder/x": true, "folder/sub/y": true, "way/x": true, "model": false, "folder2": false, "folder/../x": false, "": false} {
		if err := apart([]string{file}, []string{"folder"}); errors.Is(err, ErrOutput) != inside {
			t.Errorf("%q in folder: %v, want %v", file, err, inside)
		}
	}
	for path, want := range map[string]bool{"a.gguf": true, "a.GGUF": true, "gguf": false, "a.gguf.bak": false, "": false} {
		if isGGUF(path) != want {
			t.Errorf("%q", path)
		}
	}
}

// No output replaces what the run reads, whatever it reads and writes.
func TestInputsAreSpared(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.json", []byte("[[1, 2, 3]]"), 0o666); err != nil {
		t.Fatal(err)
	}
	const model, in = "builtin:stories260K", "in.json"
	out := OutOptions{Path: "out.gguf", Force: true}
	scoring := func(c CalibOptions) ScoringOptions {
		o := quick("l2")
		o.Calib.Text, o.Calib.IDs = c.Text, c.IDs
		return o
	}
	prune := func(o PruneOptions) error {
		o.Out = out
		return o.checkOutputs(model)
	}
	for name, err := range map[string]error{
		"scores by the plan":   prune(PruneOptions{Scores: in, SavePlan: in}),
		"plan by the plan":     prune(PruneOptions{Plan: in, SavePlan: "./in.json"}),
		"text by the scores":   prune(PruneOptions{SaveScores: in, Scoring: scoring(CalibOptions{Text: in})}),
		"ids by the scores":    prune(PruneOptions{SaveScores: in, Scoring: scoring(CalibOptions{IDs: in})}),
		"ids of a text":        prune(PruneOptions{SavePlan: in, Texts: TextOptions{IDs: in}}),
		"a text":               prune(PruneOptions{SavePlan: in, Texts: TextOptions{Files: []NamedFile{{"x", in}}}}),
		"text of a score job":  errorOf(NewScore(model, nil, ScoreOptions{Out: in, Force: true, Scoring: scoring(CalibOptions{Text: in})})),
		"ids of a score job":   errorOf(NewScore(model, nil, ScoreOptions{Out: in, Force: true, Scoring: scoring(CalibOptions{IDs: in})})),
		"ids of a logits job":  errorOf(NewLogits(model, nil, LogitsOptions{IDs: in, Out: in, Force: true})),
		"ids of an evaluation": errorOf(NewEval([]string{model}, nil, EvalOptions{Mean: "papers", Texts: &TextOptions{IDs: in}, Out: in, Force: true})),
	} {
		if !errors.Is(err, ErrOutput) || !strings.Contains(err.Error(), "in.json is read by this run") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := prune(PruneOptions{Scores: in, SavePlan: "plan.json"}); err != nil {
		t.Error(err)
	}
}

func errorOf[T any](_ T, err error) error { return err }

// A name comes without folders and suffix, also of the folder one stands in.
func TestModelName(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("here", 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir("here")
	for path, want := range map[string]string{"builtin:stories260K": "stories260K", "a/b.gguf": "b", "a/b/": "b", ".": "here", "x.safetensors": "x.safetensors"} {
		if got := modelName(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
