package dataset

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"moreau/internal/tokenizer"
)

// words is a tokenizer for tests: a token a byte.
type words struct{}

func (words) Encode(text string) []int {
	ids := make([]int, len(text))
	for i := range ids {
		ids[i] = int(text[i])
	}
	return ids
}

func (words) Decode([]int) string     { return "" }
func (words) Vocab() *tokenizer.Vocab { return nil }

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func parquetFile(t *testing.T, column string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.parquet")
	var err error
	if column == "text" {
		type row struct {
			URL  string  `parquet:"url"`
			Text *string `parquet:"text"`
		}
		text := "eins"
		err = parquet.WriteFile(path, []row{{"u", &text}, {"v", nil}, {"w", &text}})
	} else {
		type row struct {
			N int `parquet:"n"`
		}
		err = parquet.WriteFile(path, []row{{1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadText(t *testing.T) {
	prompt := alpaca("Add.", "1 2", "3")
	for path, want := range map[string][]string{
		file(t, "a.txt", "one\n\ntwo\n"):                                                             {"one\n\ntwo\n"},
		file(t, "a.raw", "{\"text\": \"one\"}\n"):                                                    {"{\"text\": \"one\"}\n"},
		file(t, "a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\", \"id\": 3}\r\n"):              {"one", "two"},
		file(t, "a.json", `[{"text": " "}, {"instruction": "Add.", "input": "1 2", "output": "3"}]`): {prompt},
		file(t, "b.JSON", `[{"instruction": "Hi", "output": "Ho"}]`):                                 {alpaca("Hi", "", "Ho")},
		parquetFile(t, "text"): {"eins", "eins"},
	} {
		docs, err := ReadText(path)
		if err != nil || !slices.Equal(docs, want) {
			t.Errorf("%s: %q, %v; want %q", filepath.Base(path), docs, err, want)
		}
	}
	for got, want := range map[string]string{
		prompt: "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n" +
			"### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n3",
		alpaca("Hi", "", "Ho"): "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n" +
			"### Instruction:\nHi\n\n### Response:\nHo",
	} {
		if got != want {
			t.Errorf("Alpaca prompt %q, want %q", got, want)
		}
	}
}

// Real calibration files; skipped without the shared data.
func TestReadShared(t *testing.T) {
	for path, want := range map[string]int{"calib/c4_sample.jsonl": 100, "calib/wiki_demo.txt": 1, "alpaca/alpaca_en_demo.json": 100} {
		path = filepath.Join("../../../shared/data", path)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("SKIPPED, shared data absent: %v", err)
		}
		docs, err := ReadText(path)
		if err != nil || len(docs) < want {
			t.Errorf("%s: %d documents, %v", path, len(docs), err)
		}
	}
}

func TestReadTextErrors(t *testing.T) {
	for path, want := range map[string]string{
		"nowhere.txt":           "no such file",
		t.TempDir() + "/x.txt/": "unknown kind",
		file(t, "a.doc", "x"):   "want .txt, .raw, .jsonl, .json or .parquet",
		file(t, "a.txt", " \n"): "no text in it",
		file(t, "a.jsonl", "{\"text\": \"x\"}\n{\"text\""):    "line 2: invalid record",
		file(t, "b.jsonl", `{"body": "x", "id": 1}`):          `line 1: neither a "text" nor an "instruction" field (fields here: "body", "id")`,
		file(t, "c.jsonl", `{"text": 5}`):                     "line 1: invalid record",
		file(t, "a.json", `{"text": "x"}`):                    "want a JSON array",
		file(t, "b.json", `[{"text": "x"}, 7]`):               "record 1: invalid record",
		file(t, "c.json", `[]`):                               "no text in it",
		file(t, "a.parquet", "PAR1 nothing of the kind PAR1"): "a.parquet",
		parquetFile(t, "n"):                                   `no column "text"`,
	} {
		_, err := ReadText(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
}

func TestReadIDs(t *testing.T) {
	rows, err := ReadIDs(file(t, "a.json", "[[1, 2, 3], [0]]"))
	if err != nil || !reflect.DeepEqual(rows, Rows{{1, 2, 3}, {0}}) || rows.Tokens() != 4 {
		t.Errorf("%v, %v", rows, err)
	}
	for content, want := range map[string]string{
		`{"a": 1}`:       "want rows of token ids",
		`[1, 2]`:         "row 0: want integer ids",
		`[[1], [1.5]]`:   "row 1: want integer ids",
		`[[1], []]`:      "row 1 is empty",
		`[]`:             "no rows",
		`[[1], [2, -1]]`: "row 1, position 1: token id -1",
		`[[4294967297]]`: "row 0, position 0",
	} {
		if _, err := ReadIDs(file(t, "a.json", content)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a.json") {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if err := Validate(Rows{{1, 2}, {5, 6}}, 6); err == nil || !strings.Contains(err.Error(), "row 1, position 1: token id 6 is outside 0..5") {
		t.Error(err)
	}
	if err := Validate(Rows{{1, 2}, {5}}, 6); err != nil {
		t.Error(err)
	}
}

func TestCalibration(t *testing.T) {
	var docs []string
	for i := range 30 {
		docs = append(docs, fmt.Sprintf("%d%s", i, strings.Repeat("x", i)))
	}
	long := strings.Repeat("some words here ", 1000)
	for name, c := range map[string]struct {
		docs []string
		n    int
	}{
		"documents": {docs, 5}, "joined": {docs, 29}, "one long": {[]string{long}, 3},
	} {
		a, err := Calibration(c.docs, words{}, c.n, 20, 1)
		b, _ := Calibration(c.docs, words{}, c.n, 20, 1)
		other, _ := Calibration(c.docs, words{}, c.n, 20, 2)
		if err != nil || len(a) != c.n || len(a[0]) != 20 || !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, other) {
			t.Errorf("%s: %d rows, %v", name, len(a), err)
		}
		for _, row := range a {
			joined := slices.Contains(row, '\n')
			if joined && name != "joined" {
				t.Errorf("%s: a row crosses documents: %v", name, row)
			}
		}
	}
	_, err := Calibration([]string{"abc", "de"}, words{}, 1, 8, 0)
	if err == nil || !strings.Contains(err.Error(), "7 tokens, one row needs 8") {
		t.Error(err)
	}
	if _, err := Calibration(nil, words{}, 1, 8, 0); err == nil {
		t.Error("no documents accepted")
	}
	if _, err := Calibration(docs, words{}, 1, 1, 0); err == nil {
		t.Error("rows of one token accepted")
	}
	if _, err := Calibration(docs, words{}, 0, 8, 0); err == nil {
		t.Error("no rows accepted")
	}
}

// Every window of a text is drawn, the first and the last as well, and of a long text
// every stretch.
func TestEveryWindowIsDrawn(t *testing.T) {
	const long = 8*bytesPerToken + 1 // one byte more than is encoded for a row of 8 tokens
	for name, c := range map[string]struct {
		text        string
		first, last int
	}{
		"one more than a row": {"abcdefghi", 'a', 'b'},
		"just a row":          {"abcdefgh", 'a', 'a'},
		"some more":           {"abcdefghijk", 'a', 'd'},
	} {
		seen := map[int32]bool{}
		for seed := range uint64(60) {
			rows, err := Calibration([]string{c.text}, words{}, 1, 8, seed)
			if err != nil {
				t.Fatal(err)
			}
			seen[rows[0][0]] = true
		}
		for id := c.first; id <= c.last; id++ {
			if !seen[int32(id)] {
				t.Errorf("%s: no window begins with %c", name, id)
			}
		}
		if len(seen) != c.last-c.first+1 {
			t.Errorf("%s: windows begin with %v", name, seen)
		}
	}
	text := []byte(strings.Repeat("x", long))
	text[0], text[long-1] = 'a', 'z'
	var first, last bool
	for seed := range uint64(3000) {
		rows, err := Calibration([]string{string(text)}, words{}, 1, 8, seed)
		if err != nil {
			t.Fatal(err)
		}
		first, last = first || rows[0][0] == 'a', last || rows[0][7] == 'z'
	}
	if !first || !last {
		t.Errorf("of a long text, the first byte is drawn %v, the last %v", first, last)
	}
}

// A stretch of a long text begins at the blank before a word, where one is near, else at a
// whole character.
func TestStretchesBeginAtWords(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		wants func(first int32) bool
	}{
		"words":      {strings.Repeat("some words here ", 200), func(id int32) bool { return id == ' ' || id == 's' }}, // the very beginning is one too
		"characters": {strings.Repeat("\u4e00", 3000), func(id int32) bool { return id == 0xe4 }},
	} {
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 0))
			from := wordStart(c.text, rng.IntN(len(c.text)-10))
			if !c.wants(int32(c.text[from])) {
				t.Errorf("%s: begins with %q", name, c.text[from:from+4])
			}
		}
	}
	// A row's stretch is found so: with as many tokens as the row has, the row begins there.
	text := strings.Repeat("ab cdefg ", 200)
	seen := map[int32]bool{}
	for seed := range uint64(40) {
		rows, err := Calibration([]string{text}, whole{}, 1, 2, seed)
		if err != nil {
			t.Fatal(err)
		}
		seen[rows[0][0]] = true
	}
	for id := range seen {
		if id != ' ' && id != 'a' {
			t.Errorf("a row begins amid a word, with %q", rune(id))
		}
	}
}

// whole is a tokenizer for tests: two tokens a text, its first byte and its last.
type whole struct{ words }

func (whole) Encode(text string) []int { return []int{int(text[0]), int(text[len(text)-1])} }

// pairs is a tokenizer for tests: a token for two bytes.
type pairs struct{ words }

func (pairs) Encode(text string) []int { return words{}.Encode(text)[:len(text)/2] }

// Documents that are just long enough are taken; of those whose tokens turn out too few, as many
// are passed over as 20 a row.
func TestWhichDocuments(t *testing.T) {
	exact := []string{"abcdefgh", "ijklmnop", "short"}
	for seed := range uint64(5) {
		rows, err := Calibration(exact, words{}, 2, 8, seed)
		if err != nil || slices.ContainsFunc(rows, func(r []int32) bool { return slices.Contains(r, '\n') }) {
			t.Errorf("seed %d: %v, %v", seed, rows, err)
		}
	}
	few := make([]string, 57)
	for i := range few {
		few[i] = strings.Repeat("x", 50) // 25 tokens
	}
	docs := append(few, strings.Repeat("a", 80), strings.Repeat("b", 80), strings.Repeat("c", 80))
	for seed := range uint64(5) {
		rows, err := Calibration(docs, pairs{}, 3, 30, seed)
		if err != nil || slices.ContainsFunc(rows, func(r []int32) bool { return r[0] == 'x' || r[0] == '\n' || r[0] != r[29] }) {
			t.Errorf("seed %d: rows of other documents than the three that are long enough: %v, %v", seed, rows, err)
		}
	}
}

func TestPerplexity(t *testing.T) {
	rows, err := Perplexity("abcdefgh", words{}, 3, 0)
	if err != nil || !reflect.DeepEqual(rows, Rows{{'a', 'b', 'c'}, {'d', 'e', 'f'}}) {
		t.Error(rows, err)
	}
	if rows, _ = Perplexity("abcdefgh", words{}, 3, 1); len(rows) != 1 {
		t.Error(rows)
	}
	if _, err = Perplexity("ab", words{}, 3, 1); err == nil || !strings.Contains(err.Error(), "2 tokens, one row needs 3") {
		t.Error(err)
	}
}

// How few rows and tokens a row may have: one row, two tokens, of which one is predicted.
func TestFewestRowsAndTokens(t *testing.T) {
	for _, tt := range []struct {
		rows, tokens int
		ok           bool
	}{{0, 8, false}, {1, 8, true}, {1, 1, false}, {1, 2, true}, {1, -1, false}} {
		if rows, err := Calibration([]string{"abcdefghijkl"}, words{}, tt.rows, tt.tokens, 0); (err == nil) != tt.ok || tt.ok && len(rows) != tt.rows {
			t.Errorf("calibration, %+v: %v, %v", tt, rows, err)
		}
		if tt.rows == 0 {
			continue // all rows there are
		}
		if rows, err := Perplexity("abcdefghijkl", words{}, tt.tokens, tt.rows); (err == nil) != tt.ok || tt.ok && len(rows) != tt.rows {
			t.Errorf("perplexity, %+v: %v, %v", tt, rows, err)
		}
	}
}

func TestJoin(t *testing.T) {
	path := file(t, "a.txt", " one\n \n two \n")
	for name, want := range map[string]string{
		"wikitext2": " one\n\n\n\n\n two \n",
		"ptb":       "one\n\n\n\ntwo",
		"":          " one\n \n two \n",
	} {
		if got, err := Join(name, path); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		if _, err := Join(name, file(t, "empty.txt", "")); err == nil || !strings.Contains(err.Error(), "no text") {
			t.Errorf("%s: empty file: %v", name, err)
		}
	}
}

func TestBuiltin(t *testing.T) {
	for _, name := range BuiltinNames {
		calibration, heldout := Builtin(name)
		if len(calibration) < 60000 || len(heldout) < 30000 || strings.Contains(calibration, heldout[:200]) {
			t.Errorf("%s: %d and %d bytes", name, len(calibration), len(heldout))
		}
	}
	if c, h := Builtin("nothing"); c+h != "" {
		t.Error("unknown text is not empty")
	}
}
