package results

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/eval"
	"moreau/internal/output"
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
	if d.Task != "x" || d.Metric != "acc" || !d.Counts || d.Difference.N != 3 || math.Abs(d.Difference.Value+1./3) > 1e-12 || d.OnlyA != 1 || d.OnlyB != 0 || d.A != 2./3 || d.B != 1./3 || d.P != 1 {
		t.Errorf("%+v", d)
	}
	if m := c.Mean; m == nil || m.Difference.Value > -0.16 || m.Difference.Value < -0.17 || m.A-m.B < 0.16 || !(m.P < 1) {
		t.Errorf("%+v", m)
	}
	if p := c.Texts[0]; p.A != 2 || p.B != 3 || p.Difference.N != 3 || math.Abs(p.Difference.Value-1.4/3) > 1e-12 || !(p.P < 0.01) {
		t.Errorf("%+v", p)
	}
}

// Of two runs, what has other questions, records or tokens is left out and named; nothing to pair is refused.
func TestUnpaired(t *testing.T) {
	run := func(change func(*Run)) Run {
		r := Run{Model: "m", Tasks: []Task{asked("x", 0, some...)}, Texts: []Text{{Name: "w", SHA256: "s", ChunkNLL: []float64{1}}}}
		change(&r)
		return r
	}
	same := run(func(*Run) {})
	for word, other := range map[string]Run{
		"other records":            run(func(r *Run) { r.Tasks[0].Data = "e" }),
		"other questions":          run(func(r *Run) { r.Tasks[0].SHA256 = "u" }),
		"no example":               run(func(r *Run) { r.Tasks[0].Examples = nil }),
		"other tokens: other text": run(func(r *Run) { r.Texts[0].SHA256 = "r" }),
		"other text, protocol":     run(func(r *Run) { r.Texts[0].Protocol = "rolling" }),
		"protocol, rows":           run(func(r *Run) { r.Texts[0].Length = 128 }),
		"rows or tokenizer":        run(func(r *Run) { r.Texts[0].ChunkNLL = []float64{1, 2} }),
		"no task or text to":       {Model: "m"},
	} {
		c, err := Compare(same, other, Rules[0])
		paired := len(c.Tasks)/2 + len(c.Texts)
		switch {
		case paired == 0 && (err == nil || !strings.Contains(err.Error(), word)):
			t.Errorf("%s: %v", word, err)
		case paired == 1 && (err != nil || len(c.Unpaired) != 1 || !strings.Contains(c.Unpaired[0], word)), paired == 2:
			t.Errorf("%s: %d paired, left out %q, %v", word, paired, c.Unpaired, err)
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
	if err := j.Add(Entry{Run: 0, Of: "x", Index: 4, Answers: answers}, Entry{Run: 0, Of: "w", Chunk: &eval.Chunk{NLL: 2.1, Tokens: 3}}); err != nil {
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
	if w := j.Chunks(0, "w"); !reflect.DeepEqual(w, []eval.Chunk{{NLL: 2.1, Tokens: 3}}) || j.Chunks(0, "x") != nil {
		t.Errorf("%v", w)
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
	if err := j.Add(Entry{Run: 0, Of: "w", Chunk: &eval.Chunk{NLL: 2.1, Tokens: 3}}); err != nil {
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

// calls notes what is asked of a journal's file.
type calls struct {
	disk
	made []string
	fail string // the call that fails
}

func (c *calls) note(what string) error {
	if c.made = append(c.made, what); what == c.fail {
		return errDisk
	}
	return nil
}

func (c *calls) Write(p []byte) (int, error) {
	if err := c.note("write"); err != nil {
		return 0, err
	}
	return c.disk.Write(p)
}

func (c *calls) Sync() error { return errors.Join(c.note("sync"), c.disk.Sync()) }

var errDisk = errors.New("the disk says no")

// What was added is on the disk before more is measured, and a disk that fails is an error.
func TestJournalIsOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(path, File{Program: "p"})
	if err != nil {
		t.Fatal(err)
	}
	c := &calls{disk: j.f}
	j.f = c
	for range 2 {
		if err := j.Add(Entry{Of: "x", Index: 1}, Entry{Of: "x", Index: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"write", "sync", "write", "sync"}; !slices.Equal(c.made, want) {
		t.Errorf("calls %q, want %q", c.made, want)
	}
	for _, c.fail = range []string{"write", "sync"} {
		if err := j.Add(Entry{Of: "x", Index: 3}); !errors.Is(err, errDisk) || !errors.Is(err, output.ErrWrite) || !strings.Contains(err.Error(), path) {
			t.Errorf("a failing %s: %v", c.fail, err)
		}
	}
	j.Close()
}

// What is left of a line that a crash cut goes before the next is written, however short that is.
func TestJournalCutsBrokenLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	long := Entry{Of: "x", Index: 1, Answers: make([]eval.Likelihood, 50)}
	for _, e := range []Entry{{Of: "x", Index: 2}, {Of: "x", Index: 3}} {
		j, err := OpenJournal(path, File{Program: "p"})
		if err == nil {
			err = errors.Join(j.Add(e, long), j.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, whole[:len(whole)-3], 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	j, err := OpenJournal(path, File{Program: "p"})
	if err != nil || j.Known() != 2 {
		t.Fatalf("%d known, want those of index 2 and 3; %v", j.Known(), err)
	}
	if err := errors.Join(j.Add(Entry{Of: "x", Index: 4}), j.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if lines := strings.Split(string(data), "\n"); err != nil || len(lines) != 5 || lines[4] != "" || strings.Contains(string(data), `"index":1`) {
		t.Errorf("%q, %v", data, err)
	}
}

// Every key of a results file, which other programs read (docs/formats/results.md).
func TestFileText(t *testing.T) {
	text := Text{Name: "n", Protocol: "rolling", Length: 11, BOS: true, SHA256: "s", Task: "k", Files: []string{"f"}, Data: "g"}
	text.Set(eval.Result{Perplexity: 1.5, Stderr: 2.5, MeanNLL: 3.5, Tokens: 13, Rows: 1, ChunkNLL: []float64{4.5},
		Rolling: &eval.Rolling{Words: 1, Bytes: 2, WordPerplexity: 3, WordStderr: 6, BytePerplexity: 4, BitsPerByte: 5}})
	f := File{Format: "f", Program: "p", Backend: "b", Runs: []Run{{Model: "m", Weights: "w", Tokenizer: "t", Parameters: 7, BOS: true, MaxLength: 9, Texts: []Text{text},
		Tasks: []Task{{Name: "x", SHA256: "q", Metric: "acc", Files: []string{"y"}, Data: "d", Records: 21, Cut: 22, Acc: eval.Mean{N: 23, Value: 0.5, Stderr: 0.25}, AccNorm: eval.Mean{N: 24},
			Examples: []Example{{Index: 25, ID: "i", Gold: 1, Chars: []int{26}, Answers: []eval.Likelihood{{Log: -27, Greedy: true}}}}}}}}}
	got, err := json.Marshal(f)
	want := `{"format":"f","program":"p","backend":"b","runs":[{"model":"m","weights_sha256":"w","tokenizer_sha256":"t","parameters":7,"bos":true,"max_length":9,` +
		`"perplexity":[{"text":"n","protocol":"rolling","max_length":11,"bos":true,"rows_sha256":"s","task_sha256":"k","files":["f"],"files_sha256":"g","perplexity":1.5,"stderr":2.5,"mean_nll":3.5,"predicted_tokens":13,"chunk_mean_nll":[4.5],` +
		`"rolling":{"words":1,"bytes":2,"word_perplexity":3,"word_perplexity_stderr":6,"byte_perplexity":4,"bits_per_byte":5}}],` +
		`"tasks":[{"task":"x","task_sha256":"q","metric":"acc","files":["y"],"files_sha256":"d","records":21,"cut":22,"acc":{"n":23,"value":0.5,"stderr":0.25},"acc_norm":{"n":24,"value":0,"stderr":0},` +
		`"examples":[{"index":25,"id":"i","gold":1,"chars":[26],"answers":[{"loglikelihood":-27,"is_greedy":true}]}]}]}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
}
