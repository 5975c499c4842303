package task_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"moreau/internal/dataset"
	"moreau/internal/task"
)

// put writes a file into dir, in folders as its name says.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name, dir string) (*task.Read, error) {
	t.Helper()
	tt, err := task.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return tt.Read(dir, 0)
}

// forms are records as the data sets on the hub have them, under today's names, with what is asked of them.
var forms = []struct {
	task, file, record string
	gold               int
	contexts           []string
	continuations      []string
}{
	{"boolq", "aps/super_glue/boolq/validation.jsonl", `{"question":"is it","passage":"P.","idx":0,"label":1}`, 1, []string{"P.\nQuestion: is it?\nAnswer:"}, []string{" no", " yes"}},
	{"boolq", "BoolQ/val.jsonl", `{"question":"is it","passage":"P.","idx":0,"label":false}`, 0, []string{"P.\nQuestion: is it?\nAnswer:"}, []string{" no", " yes"}},
	{"piqa", "baber/piqa/validation.jsonl", `{"goal":"g","sol1":"a ","sol2":"b","label":1}`, 1, []string{"Question: g\nAnswer:"}, []string{" a ", " b"}},
	{"hellaswag", "Rowan/hellaswag/data/validation.jsonl", `{"ind":7,"activity_label":"Cat","ctx_a":"A [header] b  c [title] D.","ctx_b":"the CAT","ctx":"","endings":[" x [substeps] y","z  w","u","v"],"label":"3"}`,
		3, []string{"Cat: A b c. D. The cat"}, []string{" x y", " z w", " u", " v"}},
	{"winogrande", "allenai/winogrande/winogrande_xl/validation.jsonl", `{"sentence":"So _ went _ home.","option1":"Al","option2":"Bo","answer":"2"}`, 1, []string{"So Al", "So Bo"}, []string{" went _ home.", " went _ home."}},
	{"arc_easy", "allenai/ai2_arc/ARC-Easy/test.jsonl", `{"id":"Q","question":"Why?","choices":{"text":["a","b","c"],"label":["1","2","3"]},"answerKey":"3"}`, 2, []string{"Question: Why?\nAnswer:"}, []string{" a", " b", " c"}},
	{"arc_challenge", "ai2_arc/ARC-Challenge/test.jsonl", `{"id":"Q","question":"Why?","choices":{"text":["a","b"],"label":["A","B"]},"answerKey":"A"}`, 0, []string{"Question: Why?\nAnswer:"}, []string{" a", " b"}},
	{"openbookqa", "allenai/openbookqa/main/test.jsonl", `{"id":"8","question_stem":"Fog is","choices":{"text":["é","b"],"label":["A","B"]},"answerKey":"A"}`, 0, []string{"Fog is"}, []string{" é", " b"}},
}

func TestHubForms(t *testing.T) {
	for _, f := range forms {
		dir := t.TempDir()
		put(t, dir, f.file, f.record+"\n")
		r, err := read(t, f.task, dir)
		if err != nil {
			t.Error(err)
			continue
		}
		e := r.Examples[0]
		if e.Gold != f.gold || len(e.Requests) != len(f.continuations) {
			t.Errorf("%s: %+v", f.task, e)
			continue
		}
		for i, q := range e.Requests {
			if q.Context != f.contexts[i%len(f.contexts)] || q.Continuation != f.continuations[i] || q.Chars != len([]rune(q.Continuation))-1 {
				t.Errorf("%s, choice %d: %#v", f.task, i, q)
			}
		}
	}
}

// Parquet files of several parts are read in the order of their names, like one file of lines.
func TestParquetParts(t *testing.T) {
	type choices struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label,list"`
	}
	type row struct {
		ID       string  `parquet:"id"`
		Question string  `parquet:"question"`
		Choices  choices `parquet:"choices"`
		Answer   string  `parquet:"answerKey"`
	}
	dir, lines := t.TempDir(), t.TempDir()
	folder := filepath.Join(dir, "allenai/ai2_arc/ARC-Easy")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string][]row{
		"test-00000-of-00002.parquet": {{"one", "Why?", choices{[]string{"a", "b"}, []string{"A", "B"}}, "B"}},
		"test-00001-of-00002.parquet": {{"two", "How?", choices{[]string{"c", "d"}, []string{"A", "B"}}, "A"}},
	} {
		if err := parquet.WriteFile(filepath.Join(folder, name), rows); err != nil {
			t.Fatal(err)
		}
	}
	put(t, lines, "allenai/ai2_arc/ARC-Easy/test.jsonl", `{"id":"one","question":"Why?","choices":{"text":["a","b"],"label":["A","B"]},"answerKey":"B"}`+"\n"+
		`{"id":"two","question":"How?","choices":{"text":["c","d"],"label":["A","B"]},"answerKey":"A"}`)
	got, err := read(t, "arc_easy", dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := read(t, "arc_easy", lines)
	if err != nil || !reflect.DeepEqual(got.Examples, want.Examples) || len(got.Files) != 2 {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// Each thing that can be wrong with records is one line that names file and record.
func TestWrongRecords(t *testing.T) {
	for _, c := range []struct{ task, file, text, words string }{
		{"boolq", "x", "", "moreau pull --dataset aps/super_glue -o|aps/super_glue/boolq/validation-00000-of-00001.parquet"},
		{"boolq", "aps/super_glue/boolq/test.jsonl", "{}", `no file of the split "validation"|moreau pull --dataset aps/super_glue -o`},
		{"boolq", "aps/super_glue/boolq/validation-00001-of-00002.parquet", "", "one of 2 files, of which 1 are there|moreau pull --dataset aps/super_glue -o"},
		{"boolq", "aps/super_glue/boolq/validation.jsonl", "", "no records in it"},
		{"boolq", "aps/super_glue/boolq/validation.jsonl", "[]", "line 1: want a record"},
		{"boolq", "aps/super_glue/boolq/validation.jsonl", `{"question": "q", "label": 1}`, `record 0|no field "passage"|"label", "question"`},
		{"boolq", "aps/super_glue/boolq/validation.jsonl", `{"question": "q", "passage": null, "label": 1}`, `no field "passage"`},
		{"boolq", "aps/super_glue/boolq/validation.jsonl", `{"question": "q", "passage": "p", "label": -1}`, "right answer|answers are hidden"},
		{"piqa", "baber/piqa/data/valid.jsonl", `{"goal": "q", "sol1": "p", "sol2": "p", "label": 2}`, `"2", want 0 to 1`},
		{"piqa", "piqa/valid.jsonl", `{"goal": "q", "sol1": "p", "sol2": "p"}`, "valid-labels.lst"},
		{"winogrande", "winogrande/dev.jsonl", `{"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"}`, `there is no "_" in "no gap"`},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "C"}`, `right answer is "", want 0 to 1`},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": "q", "choices": {"text": ["a"], "label": ["A"]}, "answerKey": "A"}`, "1 contexts and 1 choices"},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": {"stem": "q"}, "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"}`, "context: {{.question}}: want text, there is an object"},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": "q", "choices": {"text": ["a", null], "label": ["A", "B"]}, "answerKey": "A"}`, "choices: {{choice .}}: want text, there is null"},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": "q", "choices": "x", "answerKey": "A"}`, `choices: there is no field "text" (fields here: "answerKey", "choices", "question")`},
		{"arc_easy", "ai2_arc/ARC-Easy/test.jsonl", `{"question": "q", "choices": {"text": 1.5}, "answerKey": "A"}`, "choices: {{.choices.text}}: range can't iterate over 1.5"},
		{"winogrande", "winogrande/dev.jsonl", `{"sentence": 1, "option1": "a", "option2": "b", "answer": "1"}`, "context: {{.sentence}}: want text (fields"},
		{"winogrande", "winogrande/dev.jsonl", `{"sentence": "_ x", "option1": ["a"], "option2": "b", "answer": "1"}`, "context: {{.option1}}: want text, there is a list"},
		{"hellaswag", "hellaswag/hellaswag_val_full.txt", "a\nb\n", "2 lines, want 6 a record"},
	} {
		dir := t.TempDir()
		put(t, dir, c.file, c.text)
		_, err := read(t, c.task, dir)
		if err == nil {
			t.Errorf("%s of %q is read", c.task, c.text)
			continue
		}
		for _, w := range strings.Split(c.words, "|") {
			if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s of %q: %v does not say %q", c.task, c.text, err, w)
			}
		}
	}
	if _, err := read(t, "boolq", filepath.Join(t.TempDir(), "no")); err == nil || !strings.Contains(err.Error(), "no such folder") {
		t.Error(err)
	}
}

// A task file that is none is refused, with what is wrong.
func TestWrongTasks(t *testing.T) {
	rest := `"context": "c", "choices": ["a", "b"], "gold": "0", "data": [{"file": "x.jsonl"}]}`
	for text, word := range map[string]string{
		"{": "not a task file",
		`{"name": "a", "metric": "acc", ` + rest + "{}":                                                                                           "more than one",
		`{"name": "a", "metric": "acc", "x": 1, ` + rest:                                                                                          `"x"`,
		`{"name": "a,b", "metric": "acc", ` + rest:                                                                                                "name",
		`{"name": "a", "metric": "f1", ` + rest:                                                                                                   `metric "f1"`,
		`{"name": "a", "metric": "acc"}`:                                                                                                          "data",
		`{"name": "a", "metric": "acc", "context": "c", "choices": "a", "gold": "0", "data": [{}]}`:                                               `"dataset" or a "file"`,
		`{"name": "a", "metric": "acc", "context": "c", "choices": "a", "gold": "0", "data": [{"dataset": "o/n"}]}`:                               `"split"`,
		`{"name": "a", "metric": "acc", "text": "c", "data": [{"file": "x"}]}`:                                                                    `"metric" goes with`,
		`{"name": "a", "text": "c", "context": "c", "data": [{"file": "x"}]}`:                                                                     `"text" goes without`,
		`{"name": "a", "text": "c", "data": [{"file": "x", "gold": "0"}]}`:                                                                        `"text" goes without`,
		`{"name": "a", "text": "{{.x", "data": [{"file": "x"}]}`:                                                                                  "text",
		`{"name": "a", "text": "c", "source": "{{.x", "data": [{"file": "x"}]}`:                                                                   "source",
		`{"name": "a", "metric": "acc", "source": "s", ` + rest:                                                                                   `"source" goes with "text"`,
		`{"name": "a", "metric": "acc", "data": [{"file": "x", "text": "c"}]}`:                                                                    "of the task itself",
		`{"name": "a", "metric": "acc", "split": "test", "context": "c", "choices": "a", "gold": "0", "data": [{"dataset": "o/n", "lines": []}]}`: `"lines"`,
		`{"name": "a", "metric": "acc", "choices": "a", "gold": "0", "data": [{"file": "x"}]}`:                                                    `want "context"`,
		`{"name": "a", "metric": "acc", "context": "{{.x", "choices": "a", "gold": "0", "data": [{"file": "x"}]}`:                                 "context",
	} {
		if _, err := task.Parse("my.json", []byte(text)); !errors.Is(err, task.ErrTask) || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), "my.json") {
			t.Errorf("%s: %v does not say %s", text, err, word)
		}
	}
}

// Names are built-in tasks, all seven, or files; each task comes once.
func TestLoad(t *testing.T) {
	mine := filepath.Join(t.TempDir(), "mine.json")
	put(t, filepath.Dir(mine), "mine.json", `{"name": "mine", "metric": "acc", "context": "{{.q}}", "choices": ["a", "b"], "gold": "{{.g}}", "delimiter": "", "data": [{"file": "x.jsonl"}]}`)
	put(t, filepath.Dir(mine), "x.jsonl", `{"q": "a or b? ", "g": 1}`)
	tasks, err := task.Load([]string{mine, " papers"})
	if err != nil || len(tasks) != 8 || tasks[0].Name != "mine" || tasks[7].Name != "openbookqa" {
		t.Fatal(tasks, err)
	}
	r, err := tasks[0].Read(filepath.Dir(mine), 5)
	if err != nil || r.Examples[0].Requests[1] != (task.Request{Context: "a or b? ", Continuation: "b", Chars: 1}) {
		t.Error(r, err)
	}
	for _, names := range [][]string{{"nope"}, {"boolq", "papers"}, {"nope.json"}} {
		if _, err := task.Load(names); err == nil {
			t.Errorf("%q are tasks", names)
		}
	}
}

// Of a data set that built-in tasks read their splits are wanted, of all its tasks, in the layout that counts.
func TestOfDataset(t *testing.T) {
	for _, c := range []struct{ dataset, listed, wanted string }{
		{"aps/super_glue", "README.md boolq/test-00000-of-00001.parquet boolq/validation-00000-of-00001.parquet cb/validation-00000-of-00001.parquet", "boolq/validation-00000-of-00001.parquet"},
		{"allenai/ai2_arc", "ARC-Easy/test-00001-of-00002.parquet ARC-Challenge/test-00000-of-00001.parquet ARC-Easy/test-00000-of-00002.parquet ARC-Easy/train-00000-of-00001.parquet",
			"ARC-Easy/test-00001-of-00002.parquet ARC-Easy/test-00000-of-00002.parquet ARC-Challenge/test-00000-of-00001.parquet"},
		{"ybisk/piqa", "plain_text/validation/0000.parquet plain_text/train/0000.parquet", "plain_text/validation/0000.parquet"},
		{"baber/piqa", "piqa.py", ""},
	} {
		got, known, err := task.OfDataset(c.dataset, strings.Fields(c.listed))
		if err != nil || !known || strings.Join(got, " ") != c.wanted {
			t.Errorf("%s: %q, %t, %v", c.dataset, got, known, err)
		}
	}
	if _, known, err := task.OfDataset("o/n", nil); known || err != nil {
		t.Error("o/n is known", err)
	}
	tasks, err := task.Load([]string{"papers"})
	if want := "aps/super_glue baber/piqa Rowan/hellaswag allenai/winogrande allenai/ai2_arc allenai/openbookqa"; err != nil || strings.Join(task.Datasets(tasks), " ") != want {
		t.Error(task.Datasets(tasks), err)
	}
}

// Whose data set no built-in task knows is told what of it to fetch.
func TestMissingOwnDataset(t *testing.T) {
	mine, err := task.Parse("mine.json", []byte(`{"name": "mine", "metric": "acc", "split": "test", "context": "c", "choices": ["a", "b"], "gold": "0", "data": [{"dataset": "o/n", "config": "en"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := mine.Read(dir, 0); err == nil || !strings.Contains(err.Error(), "moreau pull --dataset o/n --include 'en/test*' -o "+dir+" ") {
		t.Error(err)
	}
}

// A task reads records whole: words and bytes are those of the source. WikiText is the same from the hub's
// files and from raw text.
func TestWholeTexts(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "x.jsonl", `{"a": "One  two. ", "b": "é"}`+"\n"+`{"a": "three", "b": ""}`)
	mine, err := task.Parse("mine.json", []byte(`{"name": "mine", "text": "{{.a}}{{.b}}", "source": "{{.a | trim}}", "data": [{"file": "x.jsonl"}]}`))
	if err != nil || !mine.Whole() {
		t.Fatal(err)
	}
	r, err := mine.Read(dir, 0)
	if want := []dataset.Document{{Text: "One  two. é", Words: 2, Bytes: 9}, {Text: "three", Words: 1, Bytes: 5}}; err != nil || !slices.Equal(r.Documents, want) || r.Examples != nil {
		t.Errorf("%+v, want %+v; %v", r, want, err)
	}
	if r, err := mine.Read(dir, 1); err != nil || len(r.Documents) != 1 || r.Records != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	put(t, dir, "x.jsonl", `{"a": "One", "b": ""}`+"\n"+`{"b": ""}`)
	if _, err := mine.Read(dir, 0); !errors.Is(err, task.ErrTask) || !strings.Contains(err.Error(), "x.jsonl: record 1: task mine") || !strings.Contains(err.Error(), `no field "a"`) {
		t.Error(err)
	}
	raw, hub := t.TempDir(), t.TempDir()
	put(t, raw, "wikitext-2-raw/wiki.test.raw", " \n = A = \n \n 1 @,@ 000 cats . \n = B = \n")
	type row struct {
		Page string `parquet:"page"`
	}
	put(t, hub, "EleutherAI/wikitext_document_level/wikitext-2-raw-v1/x", "")
	if err := parquet.WriteFile(filepath.Join(hub, "EleutherAI/wikitext_document_level/wikitext-2-raw-v1/test-00000-of-00001.parquet"), []row{{" = A = \n \n 1 @,@ 000 cats . "}, {" = B = \n"}}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{raw, hub} {
		r, err := read(t, "wikitext", dir)
		if want := []dataset.Document{{Text: " = A =\n\n1,000 cats. ", Words: 10, Bytes: 28}, {Text: " = B =\n", Words: 5, Bytes: 8}}; err != nil || !slices.Equal(r.Documents, want) {
			t.Errorf("%+v, want %+v; %v", r, want, err)
		}
	}
}
