package dataset

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Pages begin at titles of the first level alone.
func TestPages(t *testing.T) {
	got := pages(" \n = A = \n \n text \n = = B = = \n = = = C = = = \n = D E = \nmore = \n")
	want := []string{" = A = \n \n text \n = = B = = \n = = = C = = = ", " = D E = \nmore = \n"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDetokenise(t *testing.T) {
	for tokens, want := range map[string]string{
		"the cats ' 1 @,@ 000 @.@ 5 well @-@ known ( a b ) , it 's \" so \" .\n": "the cats'1,000.5 well-known (a b), it's \"so\" .\n",
		" = = A = = \n 5 ° C ; [ x ] { y } : z ! ":                               " == A ==\n5°C; [x] {y}: z! ",
	} {
		if got := Detokenise(tokens); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Texts under another name stay as they are; their words are counted as Python's re.split counts them.
func TestDocuments(t *testing.T) {
	docs, err := Documents("a", file(t, "a.jsonl", `{"text": " a  @-@ b\u00a0c "}`))
	if err != nil || len(docs) != 1 || docs[0] != (Document{" a  @-@ b\u00a0c ", 6, 13}) {
		t.Errorf("%+v, %v", docs, err)
	}
}

// Pages are the same from raw text, from the hub's Parquet files and from lines of JSON; lines of
// WikiText are none.
func TestWikiPages(t *testing.T) {
	type row struct {
		Page string `parquet:"page"`
	}
	one, two := " = A = \n \n 1 @,@ 000 cats . ", " = B = \n \n text \n"
	path := filepath.Join(t.TempDir(), "test-00000-of-00001.parquet")
	if err := parquet.WriteFile(path, []row{{one}, {two}}); err != nil {
		t.Fatal(err)
	}
	want := []Document{NewDocument(Detokenise(one), one), NewDocument(Detokenise(two), two)}
	if want[0].Words != 10 || want[0].Text != " = A =\n\n1,000 cats. " {
		t.Errorf("%+v", want[0])
	}
	lines := `{"page": " = A = \n \n 1 @,@ 000 cats . "}` + "\n" + `{"page": " = B = \n \n text \n"}`
	for _, path := range []string{path, file(t, "a.raw", one+"\n"+two), file(t, "a.tokens", one+"\n"+two), file(t, "a.jsonl", lines)} {
		if docs, err := Documents("wikitext2", path); err != nil || !reflect.DeepEqual(docs, want) {
			t.Errorf("%s: %+v, want %+v; %v", path, docs, want, err)
		}
	}
	for _, c := range []struct{ name, text, words string }{
		{"a.raw", "", "no text"}, {"a.raw", " \n \n", "no text"}, {"a.jsonl", `{"text": " = A = "}`, `record 0 has no field "page"`}, {"a.jsonl", `{"page": null}`, `record 0 has no field "page"`}, {"a.jsonl", "", "no text"},
	} {
		if _, err := Documents("wikitext2", file(t, c.name, c.text)); err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s of %q: %v", c.name, c.text, err)
		}
	}
}

// The hub's lines of WikiText and PTB, which it calls sentences, are joined as they are.
func TestJoinRecords(t *testing.T) {
	lines := `{"text": ""}` + "\n" + `{"text": " = A = \n"}` + "\n" + `{"text": ""}`
	for _, name := range []string{"wikitext2", "ptb"} {
		if got, err := Join(name, file(t, "a.jsonl", lines)); err != nil || got != "\n\n = A = \n\n\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	type row struct {
		Sentence string `parquet:"sentence"`
	}
	ptb := filepath.Join(t.TempDir(), "test-00000-of-00001.parquet") // as the hub's ptb_text_only has it
	if err := parquet.WriteFile(ptb, []row{{"no it was n't black monday"}, {"but <unk> N points"}}); err != nil {
		t.Fatal(err)
	}
	sentences := file(t, "b.jsonl", `{"sentence": "no it was n't black monday"}`+"\n"+`{"sentence": "but <unk> N points"}`)
	for _, path := range []string{ptb, sentences, file(t, "b.txt", " no it was n't black monday \n but <unk> N points \n")} {
		if got, err := Join("ptb", path); err != nil || got != "no it was n't black monday\n\nbut <unk> N points" {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, text := range []string{`{"body": "x"}`, `{"sentence": 7}`, `{"text": null}`, ""} {
		if _, err := Join("ptb", file(t, "c.jsonl", text)); err == nil || !strings.Contains(err.Error(), "c.jsonl: ") || text != "" && !strings.Contains(err.Error(), `record 0 has neither a field "text" nor a "sentence"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
	raw, err := Join("wikitext2", file(t, "a.raw", " \n = A = \n \n"))
	if err != nil || raw != "\n\n = A = \n\n\n" {
		t.Errorf("%q, %v", raw, err)
	}
}
