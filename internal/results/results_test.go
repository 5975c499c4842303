package results

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/eval"
)

// asked is a task whose i'th question has two choices of one and two letters; logs are those of the answers.
func asked(name string, gold int, logs ...[2]float64) Task {
	t := Task{Name: name, SHA256: "t", Data: "d", Metric: "acc"}
	for i, l := range logs {
		t.Examples = append(t.Examples, Example{Index: i, Gold: gold, Chars: []int{1, 2}, Answers: []eval.Likelihood{{Log: l[0]}, {Log: l[1]}}})
	}
	t.Judge()
	return t
}

// unmeasured is a task as a plan has it.
func unmeasured(t Task) Task {
	t.Acc, t.AccNorm = eval.Mean{}, eval.Mean{}
	return t
}

// The first choice is likelier in the first two, likelier a letter in the last alone.
var some = [][2]float64{{-1, -1.5}, {-2, -3}, {-2, -1}}

func TestJudge(t *testing.T) {
	a := asked("x", 0, some...)
	if a.Acc.Value != 2./3 || a.AccNorm.Value != 0 || a.Acc.N != 3 {
		t.Errorf("%+v", a)
	}
	b := asked("x", 1, some...)
	if b.Acc.Value != 1./3 || b.AccNorm.Value != 1 {
		t.Errorf("%+v", b)
	}
}

func TestRules(t *testing.T) {
	tasks := []Task{{Name: "piqa", Metric: "acc_norm", Acc: eval.Mean{N: 4, Value: 0.5}, AccNorm: eval.Mean{N: 4, Value: 0.25}}, {Name: "boolq", Metric: "acc", Acc: eval.Mean{N: 4, Value: 0.75}}}
	for name, want := range map[string]float64{"papers": 0.5, "llm-pruner": 0.625} {
		r, err := FindRule(name)
		if err != nil || r.Mean(tasks).Value != want {
			t.Errorf("%s: %v, %v, want %g", name, r.Mean(tasks), err, want)
		}
	}
	if _, err := FindRule("best"); err == nil {
		t.Error("best is a rule")
	}
}

func TestCompare(t *testing.T) {
	one := asked("x", 0, [2]float64{-1, -9}, [2]float64{-1, -9}, [2]float64{-9, -1})
	two := asked("x", 0, [2]float64{-1, -9}, [2]float64{-9, -1}, [2]float64{-9, -1}, [2]float64{-1, -9})
	a := Run{Model: "a", Tasks: []Task{one, asked("y", 0, some...)}, Texts: []Text{{Name: "w", SHA256: "s", Perplexity: 2, ChunkNLL: []float64{1, 2, 3}}}}
	b := Run{Model: "b", Tasks: []Task{asked("z", 0, some...), two, asked("y", 0, some...)}, Texts: []Text{{Name: "w", SHA256: "s", Perplexity: 3, ChunkNLL: []float64{1.5, 2.5, 3.4}}}}
	c, err := Compare(a, b, Rules[0])
	if err != nil {
		t.Fatal(err)
	}
	d := c.Tasks[0] // of the three questions that both have
	if d.Task != "x" || d.Metric != "acc" || !d.Counts || d.Difference.N != 3 || d.OnlyA != 1 || d.OnlyB != 0 || d.A != 2./3 || d.B != 1./3 || d.P != 1 {
		t.Errorf("%+v", d)
	}
	if m := c.Mean; m == nil || m.Difference.Value > -0.16 || m.Difference.Value < -0.17 || m.A-m.B < 0.16 || !(m.P < 1) {
		t.Errorf("%+v", m)
	}
	if p := c.Texts[0]; p.A != 2 || p.B != 3 || p.Difference.N != 3 || !(p.P < 0.01) {
		t.Errorf("%+v", p)
	}
}

// Two runs of other questions, records or tokens are not compared.
func TestCompareRefuses(t *testing.T) {
	run := func(change func(*Run)) Run {
		r := Run{Model: "m", Tasks: []Task{asked("x", 0, some...)}, Texts: []Text{{Name: "w", SHA256: "s", ChunkNLL: []float64{1}}}}
		change(&r)
		return r
	}
	same := run(func(*Run) {})
	for word, other := range map[string]Run{
		"other records":     run(func(r *Run) { r.Tasks[0].Data = "e" }),
		"other questions":   run(func(r *Run) { r.Tasks[0].SHA256 = "u" }),
		"no example":        run(func(r *Run) { r.Tasks[0].Examples = nil }),
		"other tokens":      run(func(r *Run) { r.Texts[0].SHA256 = "r" }),
		"nothing in common": {Model: "m"},
	} {
		_, err := Compare(same, other, Rules[0])
		if word == "nothing in common" {
			word = "in common"
		}
		if !errors.Is(err, ErrResults) || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	f := File{Format: Format, Program: "p", Backend: "b", Runs: []Run{{Model: "<m>", Tasks: []Task{asked("x", 0, some...)}}}}
	if err := f.Write(path, false); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v, want %+v", got, err, f)
	}
	for text, word := range map[string]string{
		"":   "unusable results",
		"[]": "unusable results",
		"{}": `format ""`,
		`{"format": "moreau-results 1", "runs": []}`: "no results file",
		`{"format": "moreau-results 1", "runs": [{"model": "m", "tasks": [{"task": "x", "examples": [{"gold": 2, "chars": [1, 1], "answers": [{}, {}]}]}]}]}`: "task x, example 0",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); !errors.Is(err, ErrResults) || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v does not say %s", text, err, word)
		}
	}
}

// A journal gives back what was added, to the same evaluation alone, without a line that broke off.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".r.json.moreau-answers")
	plan := File{Program: "p", Runs: []Run{{Model: "m", Tasks: []Task{unmeasured(asked("x", 0, some...))}}}}
	open := func(plan File, known int) *Journal {
		t.Helper()
		j, err := OpenJournal(path, plan)
		if err != nil || j.Known() != known {
			t.Fatalf("%d known, want %d; %v", j.Known(), known, err)
		}
		return j
	}
	answers := []eval.Likelihood{{Log: -0.1 - 1e-17, Greedy: true}, {Log: -3.3333333333333335}}
	j := open(plan, 0)
	if err := j.Add(Entry{Run: 0, Of: "x", Index: 4, Answers: answers}, Entry{Run: 0, Of: "w", Text: &Text{Name: "w", MeanNLL: 2}}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = open(plan, 2)
	if a, ok := j.Answers(0, "x", 4); !ok || !reflect.DeepEqual(a, answers) {
		t.Errorf("%v, %t", a, ok)
	}
	if _, ok := j.Answers(1, "x", 4); ok {
		t.Error("another model's answers")
	}
	if w, ok := j.Text(0, "w"); !ok || w.MeanNLL != 2 {
		t.Errorf("%v, %t", w, ok)
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o666); err != nil {
		t.Fatal(err)
	}
	j = open(plan, 1)
	if err := j.Add(Entry{Run: 0, Of: "w", Text: &Text{Name: "w", MeanNLL: 2}}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if again, err := os.ReadFile(path); err != nil || string(again) != string(whole) {
		t.Errorf("after a broken line: %q, want %q; %v", again, whole, err)
	}
	fewer := plan
	fewer.Runs = []Run{{Model: "m", Tasks: []Task{unmeasured(asked("x", 0, some[:1]...))}}}
	fewer.Runs[0].Tasks[0].Cut = 1
	open(fewer, 2).Close() // how many questions there are is not the evaluation's
	plan.Program = "q"
	j = open(plan, 0)
	j.Remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("the journal is still there")
	}
	var none *Journal
	if _, ok := none.Answers(0, "x", 0); ok || none.Add(Entry{}) != nil || none.Close() != nil {
		t.Error("no journal keeps something")
	}
}
