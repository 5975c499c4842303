package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"moreau/internal/job"
)

// serveDatasets is a hub of data sets, files by OWNER/NAME and path, that notes what it is asked for; HF_ENDPOINT points to it.
func serveDatasets(t *testing.T, all map[string]map[string]string) (asked *[]string) {
	t.Helper()
	asked = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
		for name, files := range all {
			if r.URL.Path == "/api/datasets/"+name+"/revision/main" {
				if files == nil {
					w.Header().Set("X-Error-Message", "gated")
					w.WriteHeader(http.StatusForbidden)
					return
				}
				var siblings []map[string]any
				for _, path := range slices.Sorted(maps.Keys(files)) { // as the hub lists them
					text := files[path]
					sum := sha256.Sum256([]byte(strings.TrimPrefix(text, "WRONG ")))
					siblings = append(siblings, map[string]any{"rfilename": path, "lfs": map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(strings.TrimPrefix(text, "WRONG "))}})
				}
				json.NewEncoder(w).Encode(map[string]any{"sha": pullCommit, "siblings": siblings})
				return
			}
			if path, ok := strings.CutPrefix(r.URL.Path, "/datasets/"+name+"/resolve/"+pullCommit+"/"); ok {
				text := files[path]
				if strings.HasPrefix(text, "WRONG ") {
					text = strings.Repeat("x", len(text)-len("WRONG "))
				}
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_TOKEN", "")
	return asked
}

// questions is a Parquet file of OpenBookQA's form.
func questions(t *testing.T) string {
	t.Helper()
	type choices struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label,list"`
	}
	type row struct {
		ID      string  `parquet:"id"`
		Stem    string  `parquet:"question_stem"`
		Choices choices `parquet:"choices"`
		Answer  string  `parquet:"answerKey"`
	}
	path := filepath.Join(t.TempDir(), "q.parquet")
	if err := parquet.WriteFile(path, []row{{"1", "Cats like", choices{[]string{"fish", "maths"}, []string{"A", "B"}}, "A"}}); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

// What a task's error says to fetch is fetched, of it what the task needs, and eval finds it.
func TestPullDataset(t *testing.T) {
	asked := serveDatasets(t, map[string]map[string]string{"allenai/openbookqa": {
		"main/test-00000-of-00001.parquet": questions(t), "main/train-00000-of-00001.parquet": "x", "additional/test-00000-of-00001.parquet": "x", "README.md": "# OpenBookQA", ".gitattributes": "x"}})
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o777); err != nil {
		t.Fatal(err)
	}
	eval := []string{"eval", stories, "--tasks", "openbookqa", "--data", data}
	said := run(t.Context(), eval...).message
	_, command, _ := strings.Cut(said, "moreau ")
	command, _, _ = strings.Cut(command, " (")
	if command != "pull --dataset allenai/openbookqa -o "+data || !strings.Contains(said, filepath.Join(data, "allenai", "openbookqa", "main", "test-00000-of-00001.parquet")) {
		t.Fatal(said)
	}
	if plan := must(t, append(strings.Fields(command), "--dry-run")...).stdout; !strings.Contains(plan, "main/test-00000-of-00001.parquet") || strings.Contains(plan, "train") || strings.Contains(plan, "additional") {
		t.Error(plan)
	}
	for range 2 { // the second finds all there
		if out := must(t, strings.Fields(command)...).stdout; !strings.Contains(out, filepath.Join(data, "allenai", "openbookqa")+": allenai/openbookqa at "+pullCommit+", 2 files") {
			t.Error(out)
		}
	}
	only(t, filepath.Join(data, "allenai", "openbookqa"), ".moreau-pull.json", "README.md", "main")
	only(t, filepath.Join(data, "allenai", "openbookqa", "main"), "test-00000-of-00001.parquet")
	if out := must(t, eval...).stdout; !strings.Contains(out, "openbookqa  1 ") {
		t.Error(out)
	}
	fetched := 0
	for _, a := range *asked {
		if strings.Contains(a, "/resolve/") {
			fetched++
		}
	}
	if fetched != 2 {
		t.Errorf("asked for %q", *asked)
	}
}

// An interrupted transfer goes on; a data set without a task gives all records; patterns choose.
func TestPullDatasetFiles(t *testing.T) {
	files := map[string]string{"a/x.jsonl": strings.Repeat("record\n", 100), "b/y.json": "[]", "c.txt": "text", "LICENSE": "free"}
	asked := serveDatasets(t, map[string]map[string]string{"o/n": files})
	dir := t.TempDir()
	at := filepath.Join(dir, "o", "n")
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, "..moreau-pull.json.moreau-tmp-0123456789ab"), "{") // of a pull that was killed as it began
	must(t, "pull", "--dataset", "o/n", "-o", dir)
	only(t, at, ".moreau-pull.json", "LICENSE", "a", "b")
	must(t, "pull", "--dataset", "o/n", "--include", "*.t?t", "-o", dir)
	only(t, at, ".moreau-pull.json", "LICENSE", "a", "b", "c.txt")
	if err := os.Remove(filepath.Join(at, "a", "x.jsonl")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, "a", "x.jsonl.part"), files["a/x.jsonl"][:300])
	must(t, "pull", "--dataset", "o/n", "--include", "a/*", "-o", dir)
	if read(t, filepath.Join(at, "a", "x.jsonl")) != files["a/x.jsonl"] || !strings.HasSuffix((*asked)[len(*asked)-1], "a/x.jsonl bytes=300-") {
		t.Errorf("asked for %q", *asked)
	}
}

// paperSets are the data sets of the seven tasks, with more than these read.
func paperSets() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, name := range []string{"baber/piqa", "Rowan/hellaswag"} {
		all[name] = map[string]string{"data/validation-00000-of-00001.parquet": "x", "data/train-00000-of-00001.parquet": "x"}
	}
	for name, configs := range map[string]string{"aps/super_glue": "boolq cb", "allenai/winogrande": "winogrande_xl winogrande_xs", "allenai/ai2_arc": "ARC-Easy ARC-Challenge", "allenai/openbookqa": "main additional"} {
		all[name] = map[string]string{}
		for config := range strings.FieldsSeq(configs) {
			for _, split := range []string{"validation", "test"} {
				all[name][config+"/"+split+"-00000-of-00001.parquet"] = "x"
			}
		}
	}
	return all
}

func TestPullPapers(t *testing.T) {
	serveDatasets(t, paperSets())
	dir := t.TempDir()
	must(t, "pull", "--dataset", "papers", "-o", dir)
	found, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*.parquet"))
	var names []string
	for _, f := range found {
		name, _ := filepath.Rel(dir, f)
		names = append(names, strings.TrimSuffix(filepath.ToSlash(name), "-00000-of-00001.parquet"))
	}
	if got, want := fmt.Sprint(names), "[Rowan/hellaswag/data/validation allenai/ai2_arc/ARC-Challenge/test allenai/ai2_arc/ARC-Easy/test allenai/openbookqa/main/test allenai/winogrande/winogrande_xl/validation aps/super_glue/boolq/validation baber/piqa/data/validation]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// In JSON papers are one document; one data set that fails keeps none of the others from coming.
func TestPullPapersJSON(t *testing.T) {
	all, dir := paperSets(), t.TempDir()
	all["baber/piqa"], all["allenai/openbookqa"] = nil, map[string]string{"main/test-00000-of-00001.parquet": "WRONG record"}
	serveDatasets(t, all)
	pull := []string{"pull", "--dataset", "papers", "--json", "-o", dir}
	repos := func(stdout string) (names []string) {
		for _, p := range parsed[[]job.Pulled](t, stdout) {
			names = append(names, p.Repo)
		}
		return names
	}
	refused(t, exitInput, []string{"baber/piqa@main", "access denied (gated)", "test-00000-of-00001.parquet", "another hash"}, pull...)
	if got := repos(run(t.Context(), pull...).stdout); fmt.Sprint(got) != "[aps/super_glue Rowan/hellaswag allenai/winogrande allenai/ai2_arc]" {
		t.Error(got)
	}
	if len(read(t, filepath.Join(dir, "allenai", "ai2_arc", "ARC-Easy", "test-00000-of-00001.parquet"))) != 1 {
		t.Error("what comes behind the one that fails is not there")
	}
	serveDatasets(t, paperSets())
	if got := repos(must(t, append(pull, "--dry-run")...).stdout); len(got) != 6 {
		t.Error(got)
	}
	if got := repos(must(t, pull...).stdout); len(got) != 6 {
		t.Error(got)
	}
}

func TestPullDatasetRefusals(t *testing.T) {
	serveDatasets(t, map[string]map[string]string{"baber/piqa": {"piqa.py": "x"}, "o/gated": nil, "o/wrong": {"x.jsonl": "WRONG record"}, "o/n": {"x.csv": "x", "y.csv": "y"}})
	dir := t.TempDir()
	pull := func(code int, words string, args ...string) {
		t.Helper()
		refused(t, code, strings.Split(words, "|"), append([]string{"pull", "-o", dir}, args...)...)
	}
	pull(exitInput, "piqa.py|refs/convert/parquet|--include", "--dataset", "baber/piqa")
	pull(exitInput, "x.csv, y.csv|--include", "--dataset", "o/n")
	pull(exitInput, "x.csv, y.csv|--include", "--dataset", "o/n", "--include", "z*")
	pull(exitInput, "o/gated@main|access denied (gated)|license|HF_TOKEN", "--dataset", "o/gated")
	pull(exitInput, "o/none@main|no such repository", "--dataset", "o/none")
	pull(exitInput, "x.jsonl|another hash", "--dataset", "o/wrong")
	pull(exitUsage, "OWNER/NAME", "--dataset", "o/n:x.gguf")
	pull(exitUsage, "OWNER/NAME", "--dataset", "piqa")
	pull(exitUsage, "--include goes with --dataset", "o/n", "--include", "x")
	if _, err := os.Stat(filepath.Join(dir, "o", "wrong", "x.jsonl")); err == nil {
		t.Error("a file of the wrong hash has its name")
	}
	other := filepath.Join(dir, "o", "n")
	if err := os.MkdirAll(other, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, "mine"), "")
	pull(exitOutput, other+"|not empty", "--dataset", "o/n", "--include", "*")
}
