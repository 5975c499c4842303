package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/job"
	"moreau/internal/results"
)

// capitals is a task of our own with its records, in a folder.
func capitals(t *testing.T) (task, data string) {
	t.Helper()
	dir := t.TempDir()
	task = write(t, filepath.Join(dir, "capitals.json"), `{"name": "capitals", "metric": "acc", "context": "The capital of {{.country}} is", "choices": ["{{.right}}", "{{.wrong}}"], "gold": "0", "data": [{"file": "capitals.jsonl"}]}`)
	write(t, filepath.Join(dir, "capitals.jsonl"), `{"country": "France", "right": "Paris", "wrong": "Rome"}`+"\n"+`{"country": "Italy", "right": "Rome", "wrong": "Paris"}`+"\n"+`{"country": "Spain", "right": "Madrid", "wrong": "a banana"}`+"\n")
	return task, dir
}

func TestTasks(t *testing.T) {
	task, data := capitals(t)
	words := must(t, "eval", stories, "--tasks", task, "--data", data).stdout
	if !strings.Contains(words, "capitals  3 ") || strings.Contains(words, "perplexity") || strings.Contains(words, "mean of") {
		t.Error(words)
	}
	out := filepath.Join(t.TempDir(), "r.json")
	r := parsed[job.ModelReport](t, must(t, "eval", stories, "--tasks", task, "--data", data, "--limit", "2", "--ppl", "a=builtin:stories", "--chunks", "2", "-o", out, "--json").stdout)
	if r.Model != stories || len(r.Tasks) != 1 || r.Tasks[0].Acc.N != 2 || len(r.Perplexity) != 1 || r.Mean != nil {
		t.Errorf("%+v", r)
	}
	f, err := results.Read(out)
	if err != nil || f.Program != "moreau "+version || len(f.Runs[0].Tasks[0].Examples) != 2 || f.Runs[0].Texts[0].Name != "a" {
		t.Errorf("%+v, %v", f, err)
	}
	refused(t, exitOutput, []string{out, "--force"}, "eval", stories, "-o", out)
	refused(t, exitInput, []string{out, "one model"}, "compare", out)
}

// A task of whole texts has the figures of its documents in eval's tables, in the results file and in compare's.
func TestWholeTextTask(t *testing.T) {
	dir := t.TempDir()
	task := write(t, filepath.Join(dir, "tales.json"), `{"name": "tales", "text": "{{.title}}\n{{.tale}}", "source": "{{.tale}}", "data": [{"file": "tales.jsonl"}]}`)
	write(t, filepath.Join(dir, "tales.jsonl"), `{"title": "A cat", "tale": "Once there was a cat."}`+"\n"+`{"title": "A dog", "tale": "The dog ran home."}`+"\n")
	out := filepath.Join(dir, "r.json")
	words := must(t, "eval", stories, stories, "--tasks", task, "--data", dir, "-o", out).stdout
	for _, w := range []string{"tales, rolling", "word_perplexity", "byte_perplexity", "bits_per_byte"} {
		if !strings.Contains(words, w) {
			t.Errorf("no %q in\n%s", w, words)
		}
	}
	if one := must(t, "eval", stories, "--tasks", task, "--data", dir).stdout; !strings.Contains(one, "tales: 9 words, 38 bytes: word_perplexity") {
		t.Error(one)
	}
	if table := must(t, "compare", out).stdout; !strings.Contains(table, "tales") || !strings.HasSuffix(words, strings.TrimPrefix(table, "\n")) {
		t.Errorf("eval:\n%s\ncompare:\n%s", words, table)
	}
	refused(t, exitInput, []string{"wikitext", "moreau pull --dataset EleutherAI/wikitext_document_level -o " + dir}, "eval", stories, "--tasks", "wikitext", "--data", dir)
}

// What eval says of two models, compare says of their files.
func TestTwoModels(t *testing.T) {
	task, data := capitals(t)
	dir := t.TempDir()
	other := filepath.Join(dir, "pruned.gguf")
	must(t, "prune", stories, "--ratio", "20%", "--method", "l1", "--no-eval", "-o", other)
	flags := []string{"--tasks", task, "--data", data, "--ppl", "a=builtin:stories", "--chunks", "3"}
	words := must(t, append([]string{"eval", stories, other}, flags...)...).stdout
	for _, w := range []string{stories, other, "capitals", "±", "B - A", "only A", "McNemar"} {
		if !strings.Contains(words, w) {
			t.Errorf("no %q in\n%s", w, words)
		}
	}
	report := parsed[job.EvalReport](t, must(t, append([]string{"eval", stories, other, "--json"}, flags...)...).stdout)
	var files []string
	for i, model := range []string{stories, other} {
		files = append(files, filepath.Join(dir, string(rune('a'+i))+".json"))
		must(t, append([]string{"eval", model, "-o", files[i]}, flags...)...)
	}
	again := parsed[[]results.Comparison](t, must(t, "compare", files[0], files[1], "--json").stdout)
	if len(again) != 1 || len(again[0].Tasks) != 2 || again[0].Tasks[0] != report.Differences[0].Tasks[0] || again[0].Texts[0] != report.Differences[0].Texts[0] {
		t.Errorf("%+v, %+v", again, report.Differences)
	}
	if table := must(t, append([]string{"compare"}, files...)...).stdout; !strings.HasSuffix(words, strings.TrimPrefix(table, "\n")) {
		t.Errorf("eval:\n%s\ncompare:\n%s", words, table)
	}
}

// Whatever is wrong with tasks and records is one line that says what to do.
func TestWrongTasks(t *testing.T) {
	task, data := capitals(t)
	eval := []string{"eval", stories, "--tasks"}
	at := func(flags ...string) []string { return append(eval, flags...) }
	refused(t, exitInput, []string{"boolq", "moreau pull --dataset aps/super_glue -o " + data, filepath.Join(data, "aps", "super_glue")}, at("boolq", "--data", data)...)
	refused(t, exitInput, []string{"no such folder"}, at("boolq", "--data", filepath.Join(data, "no"))...)
	refused(t, exitInput, []string{"no.json"}, at("no.json", "--data", data)...)
	refused(t, exitInput, []string{"bad.json", "docs/formats/tasks.md"}, at(write(t, filepath.Join(data, "bad.json"), "{"), "--data", data)...)
	for text, words := range map[string]string{
		"":   "no records in it",
		"{}": `record 0|no field "country"`,
		`{"country": "X", "right": "", "wrong": "y"`:                                    "line 1",
		`{"country": "X", "right": 1, "wrong": "` + strings.Repeat("long ", 600) + `"}`: "record 0|model reads 512",
	} {
		write(t, filepath.Join(data, "capitals.jsonl"), text)
		refused(t, exitInput, append(strings.Split(words, "|"), "capitals.jsonl"), at(task, "--data", data)...)
	}
	write(t, filepath.Join(data, "capitals.jsonl"), `{"country": "X", "right": "a", "wrong": "b"}`)
	refused(t, exitInput, []string{"no tokenizer"}, "eval", golden("llama_mha"), "--tasks", task, "--data", data)
	if err := os.Remove(filepath.Join(data, "capitals.jsonl")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitInput, []string{"capitals.jsonl", "put the file there"}, at(task, "--data", data)...)
	for _, text := range []string{"", "{", "[]", "{}"} {
		refused(t, exitInput, []string{"bad.json", "unusable results"}, "compare", write(t, filepath.Join(data, "bad.json"), text))
	}
}

// Records that a task cannot ask of are one line that names file, record and what is wrong, and nothing is written.
func TestWrongRecords(t *testing.T) {
	dir := t.TempDir()
	joined := write(t, filepath.Join(dir, "joined.json"), `{"name": "joined", "metric": "acc", "context": "A cat", "delimiter": "", "choices": ["{{.a}}", "{{.b}}"], "gold": "0", "data": [{"file": "joined.jsonl"}]}`)
	folder := filepath.Join(dir, "baber", "piqa")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "r.json")
	piqa, own := filepath.Join(folder, "validation.jsonl"), filepath.Join(dir, "joined.jsonl")
	for _, c := range []struct{ task, file, text, words string }{
		{"piqa", piqa, "", "no records in it"},
		{"piqa", piqa, "[1]", "line 1: want a record"},
		{"piqa", piqa, `{"goal": "a", "sol1": "b", "label": 1}`, `record 0: task piqa: choices: there is no field "sol2" (fields here: "goal", "label", "sol1")`},
		{"piqa", piqa, `{"goal": "a", "sol1": "b", "sol2": "c"}`, `record 0: task piqa: gold: there is no field "label"`},
		{"piqa", piqa, `{"goal": "a", "sol1": "b", "sol2": "c", "label": null}`, `gold: there is no field "label"`},
		{"piqa", piqa, `{"goal": "a", "sol1": "b", "sol2": "c", "label": -1}`, `the right answer is "-1", want 0 to 1; are these records of a split whose answers are hidden?`},
		{"piqa", piqa, `{"goal": "a", "sol1": "b", "sol2": "c", "label": ""}`, `the right answer is "", want 0 to 1`},
		{"piqa", piqa, `{"goal": {"text": "a"}, "sol1": "b", "sol2": "c", "label": 1}`, `context: {{.goal}}: want text, there is an object`},
		{joined, own, `{"a": "", "b": " sat"}`, `record 0: task joined: the choice "" has no tokens of its own`},
		{joined, own, `{"a": " ran", "b": " sat"}` + "\n" + `{"a": " ran", "b": ""}`, `record 1: task joined: the choice "" has no tokens`},
	} {
		write(t, c.file, c.text)
		refused(t, exitInput, []string{c.file, c.words}, "eval", stories, "--tasks", c.task, "--data", dir, "-o", out)
	}
	if err := os.Rename(piqa, filepath.Join(folder, "train.jsonl")); err != nil {
		t.Fatal(err)
	}
	refused(t, exitInput, []string{folder, `no file of the split "validation"`, "moreau pull --dataset baber/piqa -o " + dir}, "eval", stories, "--tasks", "piqa", "--data", dir, "-o", out)
	only(t, dir, "baber", "joined.json", "joined.jsonl")
}

// An answer without text is asked as lm-evaluation-harness asks it, with the blank before it alone: acc may take it,
// acc_norm, which divides by its length, never does.
func TestEmptyAnswer(t *testing.T) {
	dir := t.TempDir()
	task := write(t, filepath.Join(dir, "ends.json"), `{"name": "ends", "metric": "acc", "context": "The cat sat on the mat.", "choices": ["{{.a}}", "{{.b}}"], "gold": "0", "data": [{"file": "ends.jsonl"}]}`)
	write(t, filepath.Join(dir, "ends.jsonl"), `{"a": "", "b": "zebra logarithm"}`)
	r := parsed[job.ModelReport](t, must(t, "eval", stories, "--tasks", task, "--data", dir, "--json").stdout)
	if len(r.Tasks) != 1 || r.Tasks[0].Acc.Value != 1 || r.Tasks[0].AccNorm.Value != 0 {
		t.Errorf("%+v", r.Tasks)
	}
}

// An evaluation that is interrupted again and again goes on each time, to the same bytes.
func TestInterruptedEval(t *testing.T) {
	task, data := capitals(t)
	dir := t.TempDir()
	whole, out := filepath.Join(dir, "whole.json"), filepath.Join(dir, "r.json")
	args := []string{"eval", stories, "--tasks", task, "--data", data, "--ppl", "a=builtin:stories", "--ppl", "b=builtin:shakespeare", "--chunks", "2", "-o"}
	must(t, append(args, whole)...)
	continued := 0
	for n := int64(40); ; n += 2 { // the hash of the weights asks for each tensor
		ctx := &countdown{Context: t.Context()}
		ctx.left.Store(n)
		r := run(ctx, append(args, out)...)
		if strings.Contains(r.stderr, "continuing") {
			continued++
		}
		if r.code == exitOK {
			break
		}
		if r.code != exitInterrupted || n > 200 {
			t.Fatalf("stopped at check %d: exit code %d: %s", n, r.code, r.message)
		}
		if _, err := os.Stat(filepath.Join(dir, ".r.json.moreau-answers")); (err == nil) != strings.Contains(r.message, "the same command continues") {
			t.Errorf("stopped at check %d: %s", n, r.message)
		}
	}
	if continued == 0 {
		t.Error("it never continued")
	}
	if read(t, out) != read(t, whole) {
		t.Error("other bytes")
	}
	only(t, dir, "r.json", "whole.json")
}
