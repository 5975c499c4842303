package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/results"
	"moreau/internal/transformer"
)

// putAll writes files of a folder, by name.
func putAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// records are a folder with small data sets of two built-in tasks.
func records(t *testing.T) string {
	dir := t.TempDir()
	var piqa, obqa strings.Builder
	for i := range 60 {
		fmt.Fprintf(&piqa, `{"goal": "feed cat number %d and go home", "sol1": "give it some fish and a ball", "sol2": "run to %d parks", "label": %d}`+"\n", i, i, i%2)
		fmt.Fprintf(&obqa, `{"id": "q%d", "question_stem": "Once upon a time there was a %d", "choices": {"text": ["dog", "cat who was happy", "x"], "label": ["A", "B", "C"]}, "answerKey": "B"}`+"\n", i, i)
	}
	putAll(t, dir, map[string]string{"baber/piqa/validation.jsonl": piqa.String(), "allenai/openbookqa/main/test.jsonl": obqa.String()})
	return dir
}

// cancelling cancels when the so manieth phase ends, or after so many passes.
type cancelling struct {
	heard
	cancel  context.CancelFunc
	ends    int
	passes  int
	counted int
}

func (c *cancelling) End(result float64) {
	c.heard.End(result)
	if len(c.heard.ends) == c.ends {
		c.cancel()
	}
}

func (c *cancelling) At(done int64) {
	c.heard.At(done)
	c.counted++
	if c.counted == c.passes {
		c.cancel()
	}
}

// evaluate writes results of the built-in model and gives the file's bytes.
func evaluate(ctx context.Context, t *testing.T, data, out string, threads int, progress Progress) (string, EvalReport, error) {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	j, err := NewEval([]string{load.Builtin, load.Builtin}, be, EvalOptions{
		Texts: &TextOptions{Seq: 64, Chunks: 4}, Tasks: TaskOptions{Names: []string{"piqa", "openbookqa"}, Data: data, Limit: 50}, Mean: "papers", Out: out, Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r, err := j.Execute(ctx, j.Plan(), progress)
	if err != nil {
		return "", r, err
	}
	bytes, err := os.ReadFile(out)
	return string(bytes), r, err
}

// An evaluation that was interrupted, between tasks or within one, continues to the same bytes,
// and so does any number of threads.
func TestResultsAreTheSameBytes(t *testing.T) {
	data, dir := records(t), t.TempDir()
	want, r, err := evaluate(t.Context(), t, data, filepath.Join(dir, "whole.json"), 2, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 3} {
		if got, _, err := evaluate(t.Context(), t, data, filepath.Join(dir, fmt.Sprint(threads, ".json")), threads, &heard{}); err != nil || got != want {
			t.Errorf("%d threads: other bytes; %v", threads, err)
		}
	}
	for name, stop := range map[string]*cancelling{"a task": {ends: 2}, "a text": {ends: 1}, "passes": {passes: 3}, "the second model": {ends: 4}} {
		ctx, cancel := context.WithCancel(t.Context())
		stop.cancel = cancel
		out := filepath.Join(dir, name+".json")
		if _, _, err := evaluate(ctx, t, data, out, 2, stop); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: results of half an evaluation", name)
		}
		h := &heard{}
		got, again, err := evaluate(t.Context(), t, data, out, 2, h)
		if err != nil || got != want {
			t.Errorf("after %s: other bytes; %v", name, err)
		}
		if again.Models[1].Mean.Value != r.Models[1].Mean.Value || len(h.notes) == 0 || !strings.Contains(h.notes[0], "continuing") {
			t.Errorf("after %s: notes %q, %+v", name, h.notes, again.Models[1])
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	f, err := results.Read(filepath.Join(dir, "whole.json"))
	if err != nil || len(f.Runs) != 2 || len(f.Runs[0].Tasks[0].Examples) != 50 || f.Runs[0].Tasks[0].Records != 60 || f.Runs[0].Weights == "" {
		t.Errorf("%+v, %v", f, err)
	}
}

// A model differs from itself in nothing.
func TestSameModelTwice(t *testing.T) {
	out := filepath.Join(t.TempDir(), "r.json")
	_, r, err := evaluate(t.Context(), t, records(t), out, 2, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Compare([]string{out}, "papers")
	if err != nil || len(all) != 1 || len(r.Differences) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, c := range append(all, r.Differences...) {
		for _, d := range c.Tasks {
			if d.Difference.Value != 0 || d.P != 1 || d.Difference.N != 50 {
				t.Errorf("%+v", d)
			}
		}
		if c.Mean.P != 1 || c.Texts[0].P != 1 {
			t.Errorf("%+v, %+v", c.Mean, c.Texts)
		}
	}
}

// Questions longer than the model's context are cut on the left, counted and said; a choice that is longer is refused.
func TestLongQuestions(t *testing.T) {
	dir := t.TempDir()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	open := func(goal, answer string) (*Eval, error) {
		putAll(t, dir, map[string]string{"baber/piqa/validation.jsonl": fmt.Sprintf(`{"goal": %q, "sol1": %q, "sol2": "no", "label": 1}`+"\n"+`{"goal": "a", "sol1": "b", "sol2": "no", "label": 1}`, goal, answer)})
		return NewEval([]string{load.Builtin}, be, EvalOptions{Tasks: TaskOptions{Names: []string{"piqa"}, Data: dir}, Mean: "papers"})
	}
	j, err := open(strings.Repeat("a cat ", 600), "yes")
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p, h := j.Plan(), &heard{}
	r, err := j.Execute(t.Context(), p, h)
	if p.RAM <= EvalBytes(j.subjects[0].m, 1, 128) {
		t.Errorf("%d bytes of RAM", p.RAM)
	}
	if err != nil || p.Models[0].Tasks[0].Cut != 1 || r.Models[0].Tasks[0].Cut != 1 || len(h.notes) != 1 || !strings.Contains(h.notes[0], "1 of 2 questions") {
		t.Errorf("%+v, %q, %v", p.Models[0].Tasks, h.notes, err)
	}
	if _, err = open("a", strings.Repeat("a cat ", 600)); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "record 0") || !strings.Contains(err.Error(), "the model reads 512 at most") {
		t.Error(err)
	}
}

// Perplexity that was interrupted goes on at the row or document where it was, to the same bytes.
func TestInterruptedText(t *testing.T) {
	dir := t.TempDir()
	var docs strings.Builder
	for i := range 5 {
		fmt.Fprintf(&docs, `{"text": "Once upon a time there were %d cats. %s"}`+"\n", i, strings.Repeat("They ran home. ", 20*i))
	}
	putAll(t, dir, map[string]string{"docs.jsonl": docs.String()})
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	task := wholeTexts(t, dir)
	for name, o := range map[string]EvalOptions{
		"rows":      {Texts: &TextOptions{Seq: 128, Chunks: 40}},
		"documents": {Texts: &TextOptions{Protocol: "rolling", Seq: 128, MaxLength: 64, Files: []NamedFile{{"docs", filepath.Join(dir, "docs.jsonl")}}}},
		"task":      {Tasks: TaskOptions{Names: []string{task}, Data: dir}},
	} {
		run := func(ctx context.Context, out string, progress Progress) (string, error) {
			o.Mean, o.Out, o.Program = "papers", filepath.Join(dir, out), "test"
			j, err := NewEval([]string{load.Builtin}, be, o)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if _, err := j.Execute(ctx, j.Plan(), progress); err != nil {
				return "", err
			}
			data, err := os.ReadFile(filepath.Join(dir, out))
			return string(data), err
		}
		h := &heard{}
		want, err := run(t.Context(), name+"-whole.json", h)
		if err != nil || len(h.done) < 3 {
			t.Fatalf("%s: progress %v, %v", name, h.done, err)
		}
		for passes := 1; passes < len(h.done); passes++ {
			out := fmt.Sprint(name, passes, ".json")
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := run(ctx, out, &cancelling{cancel: cancel, passes: passes}); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s, %d passes: %v", name, passes, err)
			}
			again := &heard{}
			got, err := run(t.Context(), out, again)
			if err != nil || got != want {
				t.Errorf("%s, continued after %d passes: other bytes; %v", name, passes, err)
			}
			if fmt.Sprint(again.done) != fmt.Sprint(h.done[passes:]) || !strings.Contains(fmt.Sprint(again.notes), fmt.Sprintf("continuing: %d questions and rows", h.done[passes-1])) {
				t.Errorf("%s, continued after %d passes: progress %v, want %v; notes %q", name, passes, again.done, h.done[passes:], again.notes)
			}
		}
	}
}

// wholeTexts is a task that reads the field text of docs.jsonl whole, in a folder.
func wholeTexts(t *testing.T, dir string) string {
	t.Helper()
	putAll(t, dir, map[string]string{"whole.json": `{"name": "whole", "text": "{{.text}}", "data": [{"file": "docs.jsonl"}]}`})
	return filepath.Join(dir, "whole.json")
}

// A task of whole texts is a text under protocol rolling: the same figures, in the results file and in
// comparisons, beside the other tasks.
func TestWholeTextTask(t *testing.T) {
	dir := records(t)
	putAll(t, dir, map[string]string{"docs.jsonl": `{"text": "Once upon a time there was a cat."}` + "\n" + `{"text": "The cat ran home. It was happy."}` + "\n" + `{"text": "no"}`})
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	run := func(o EvalOptions) EvalReport {
		t.Helper()
		o.Mean = "papers"
		j, err := NewEval([]string{load.Builtin, load.Builtin}, be, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r, err := j.Execute(t.Context(), j.Plan(), &heard{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	task, docs := wholeTexts(t, dir), filepath.Join(dir, "docs.jsonl")
	out := filepath.Join(dir, "r.json")
	got := run(EvalOptions{Tasks: TaskOptions{Names: []string{"piqa", task}, Data: dir, Limit: 2}, Out: out})
	want := run(EvalOptions{Texts: &TextOptions{Protocol: "rolling", Seq: 128, Chunks: 2, Files: []NamedFile{{"whole", docs}}}})
	a, b := got.Models[0].Perplexity[0], want.Models[0].Perplexity[0]
	a.TokensPerSecond, b.TokensPerSecond = 0, 0
	if !reflect.DeepEqual(a, b) || a.Rolling == nil || a.Rows != 2 || !a.BOS || a.Length != 512 || len(got.Models[0].Tasks) != 1 || got.Models[0].Mean != nil {
		t.Errorf("%+v, want %+v", a, b)
	}
	if d := got.Differences[0].Texts; len(d) != 1 || d[0].Text != "whole" || d[0].Difference.N != 2 || d[0].P != 1 {
		t.Errorf("%+v", d)
	}
	f, err := results.Read(out)
	if text := f.Runs[1].Texts[0]; err != nil || len(text.Task) != 64 || len(text.Data) != 64 || !slices.Equal(text.Files, []string{docs}) || text.Rolling == nil || len(f.Runs[1].Tasks) != 1 {
		t.Errorf("%+v, %v", f.Runs[1], err)
	}
	if _, err := NewEval([]string{load.Builtin}, be, EvalOptions{Mean: "papers", Texts: &TextOptions{Seq: 16, Files: []NamedFile{{"whole", docs}}}, Tasks: TaskOptions{Names: []string{task}, Data: dir}}); !errors.Is(err, ErrUsage) {
		t.Errorf("a text with the name of a task: %v", err)
	}
}

// Weights are kept between passes of tasks where they are small, and the plan says so.
func TestWeightsOfTasks(t *testing.T) {
	for name, keeps := range map[string]bool{"smollm2-135m": true, "llama-7b": false} {
		m, err := load.OpenConfig(filepath.Join(goldentest.Root(), "testdata", "configs", name))
		if err != nil {
			t.Fatal(err)
		}
		if s := (&subject{m: m}); s.keepsWeights() != keeps {
			t.Errorf("%s: weights kept: %t", name, s.keepsWeights())
		}
	}
	m, err := load.Open(load.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	questions := [][]transformer.Text{{{IDs: make([]int32, 9), From: 5}}}
	s := &subject{m: m, tasks: []encoded{{texts: questions}}}
	streamed := resident(m.Config, transformer.ScoreBytes(m.Config, m.Weights, questions, false))
	if more := s.taskRAM() - streamed; more < 2*m.Config.ParamCount() {
		t.Errorf("%d bytes more than of streamed weights, which are %d of float32", more, 4*m.Config.ParamCount())
	}
}

// Memory of tasks is that of the largest pass, whichever task has it.
func TestMemoryOfTasks(t *testing.T) {
	m := builtinModel(t)
	small, large := encoded{texts: [][]transformer.Text{{{IDs: make([]int32, 9), From: 5}}}}, encoded{texts: [][]transformer.Text{{{IDs: make([]int32, 400), From: 5}}}}
	want := (&subject{m: m, tasks: []encoded{large}}).taskRAM()
	if (&subject{m: m, tasks: []encoded{small}}).taskRAM() >= want {
		t.Fatal("400 tokens take no more than 9")
	}
	for _, tasks := range [][]encoded{{small, large}, {large, small}, {small, large, small}} {
		if got := (&subject{m: m, tasks: tasks}).taskRAM(); got != want {
			t.Errorf("%d tasks: %d bytes, want %d", len(tasks), got, want)
		}
	}
}
