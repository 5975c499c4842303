package dataset

import (
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// All kinds of files give the same records: strings, whole numbers, lists, objects of lists.
func TestReadRecords(t *testing.T) {
	want := []Record{
		{"q": "why?", "label": int64(1), "choices": map[string]any{"text": []any{"a", "b"}, "label": []any{"A", "B"}}},
		{"q": "", "label": int64(0), "choices": map[string]any{"text": []any{"c"}, "label": []any{"1"}}},
	}
	one := `{"q": "why?", "label": 1, "choices": {"text": ["a", "b"], "label": ["A", "B"]}}`
	two := `{"q": "", "label": 0, "choices": {"text": ["c"], "label": ["1"]}}`
	type choices struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label,list"`
	}
	type row struct {
		Q       string  `parquet:"q"`
		Label   int64   `parquet:"label"`
		Choices choices `parquet:"choices"`
	}
	table := filepath.Join(t.TempDir(), "a.parquet")
	err := parquet.WriteFile(table, []row{{"why?", 1, choices{[]string{"a", "b"}, []string{"A", "B"}}}, {"", 0, choices{[]string{"c"}, []string{"1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file(t, "a.jsonl", one+"\n\n"+two+"\n"), file(t, "a.json", "["+one+","+two+"]"), table} {
		got, err := ReadRecords(path)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, want %v", path, got, err, want)
		}
	}
}

// A file that cannot be read is an error, whatever it would hold.
func TestUnreadableFiles(t *testing.T) {
	for _, name := range []string{"x.json", "x.jsonl", "x.txt", "x.parquet"} {
		if docs, err := ReadText(filepath.Join(t.TempDir(), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, docs, err)
		}
	}
}
