package task_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/dataset"
	"moreau/internal/goldentest"
	"moreau/internal/task"
)

// goldenTask is a file of shared/golden/eval, made by lm-evaluation-harness.
type goldenTask struct {
	Examples []struct {
		Index    int
		Gold     int
		Chars    []int `json:"choice_chars"`
		Requests []struct{ Context, Continuation string }
	}
}

// Every context, continuation and right answer is the harness's, from the older forms of the records.
func TestGoldenRequests(t *testing.T) {
	data := goldentest.Shared(t, "data")
	for _, name := range task.Papers {
		text, err := os.ReadFile(goldentest.Shared(t, "golden", "eval", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var golden goldenTask
		if err := json.Unmarshal(text, &golden); err != nil {
			t.Fatal(err)
		}
		tt, err := task.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		read, err := tt.Read(data, len(golden.Examples))
		if err != nil || len(read.Examples) != len(golden.Examples) {
			t.Fatalf("%s: %v", name, err)
		}
		for i, want := range golden.Examples {
			got := read.Examples[i]
			if got.Index != want.Index || got.Gold != want.Gold || len(got.Requests) != len(want.Requests) {
				t.Fatalf("%s %d: %+v, want %+v", name, i, got, want)
			}
			for k, r := range want.Requests {
				g := got.Requests[k]
				if g.Context != r.Context || g.Continuation != r.Continuation || want.Chars != nil && g.Chars != want.Chars[k] {
					t.Errorf("%s %d, choice %d: %#v, want %#v", name, i, k, g, r)
				}
			}
		}
	}
}

// All records that are at hand are whole: as many as the data sets have.
func TestAllRecords(t *testing.T) {
	data := goldentest.Shared(t, "data")
	for name, want := range map[string]int{"boolq": 3270, "piqa": 1838, "hellaswag": 10042, "winogrande": 1267, "arc_easy": 2376, "arc_challenge": 1172, "openbookqa": 500} {
		tt, err := task.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		read, err := tt.Read(data, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if len(read.Examples) != want || read.Records != want {
			t.Errorf("%s: %d examples of %d records, want %d", name, len(read.Examples), read.Records, want)
		}
	}
}

// The documents of wikitext are those under protocol rolling, whose texts, words and bytes are compared
// with the harness's in eval.
func TestWikitext(t *testing.T) {
	tt, err := task.Builtin("wikitext")
	if err != nil {
		t.Fatal(err)
	}
	data := goldentest.Shared(t, "data")
	read, err := tt.Read(data, 0)
	if err != nil {
		t.Fatal(err)
	}
	want, err := dataset.Documents("wikitext2", filepath.Join(data, "wikitext-2-raw", "wiki.test.raw"))
	if err != nil || len(want) != 62 || !slices.Equal(read.Documents, want) {
		t.Errorf("%d documents, want %d; %v", len(read.Documents), len(want), err)
	}
}
