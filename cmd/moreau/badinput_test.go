package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
)

// Texts and token ids, each tried as calibration and as evaluation text.
func TestBadTexts(t *testing.T) {
	long := strings.Repeat("Once upon a time. ", 200)
	for _, tt := range []struct{ name, text, words string }{
		{"empty.txt", "", "no text in it; give another file"},
		{"blank.txt", " \n\n", "no text in it; give another file"},
		{"short.txt", "Once upon a time", "the text has|one row needs 128|more text or a shorter"},
		{"model.bin", long, "want .txt, .raw, .jsonl, .json or .parquet"},
		{"nofield.jsonl", `{"body": "x", "id": 1}`, `line 1|neither a "text" nor an "instruction" field|"body", "id"`},
		{"number.jsonl", "{\"text\": \"a\"}\n{\"text\": 7}", "line 2|number in Text, want a string"},
		{"broken.jsonl", `{"text": "a`, "line 1|ends too early"},
		{"list.jsonl", `["a"]`, "line 1|want an object"},
		{"record.json", `{"text": "a"}`, "want a JSON array of records"},
		{"junk2.parquet", "PAR1 junk junk\x04\x00\x00\x00PAR1", "corrupt Parquet file|download it again"},
		{"words.json", `hello`, "want a JSON array of records"},
		{"empty.json", `[]`, "no text in it; give another file"},
		{"junk.parquet", "PAR1 junk PAR1", "corrupt Parquet file|download it again"},
		{"empty.parquet", "", "corrupt Parquet file|download it again"},
	} {
		dir := t.TempDir()
		file := write(t, filepath.Join(dir, tt.name), tt.text)
		words := append(strings.Split(tt.words, "|"), file)
		out := filepath.Join(dir, "out.gguf")
		refused(t, exitInput, words, "eval", stories, "--ppl", "x="+file)
		refused(t, exitInput, words, "prune", stories, "--ratio", "20%", "--calib", file, "-o", out)
		refused(t, exitInput, words, "prune", stories, "--ratio", "20%", "--method", "l1", "--ppl", "x="+file, "-o", out)
		refused(t, exitInput, words, "score", stories, "--calib", file, "-o", out)
		only(t, dir, tt.name)
	}
	refused(t, exitInput, []string{"nothing.txt", "no such file or directory; check the path"}, "eval", stories, "--ppl", "x=nothing.txt")
	refused(t, exitInput, []string{"is a folder"}, "eval", stories, "--ppl", "wikitext2="+t.TempDir())
	refused(t, exitInput, []string{`no built-in text "latin", known are shakespeare, stories`}, "eval", stories, "--ppl", "x=builtin:latin")
}

func TestBadIDs(t *testing.T) {
	for _, tt := range []struct{ text, words string }{
		{"", "rows of token ids as JSON"},
		{"1 2 3", "rows of token ids as JSON"},
		{`{"ids": [1]}`, "rows of token ids as JSON"},
		{"[1, 2]", "row 0|number, want a list"},
		{`[[1, "a"]]`, "row 0|string, want a whole number"},
		{"[[1, 1.5]]", "row 0|number 1.5, want a whole number"},
		{"[[1, 2], [3", "rows of token ids as JSON"},
		{"[]", "no rows"},
		{"[[]]", "row 0 is empty"},
		{"[[1, 2], []]", "row 1 is empty"},
		{"[[1, 2, 256]]", "row 0, position 2: token id 256 is outside 0..255"},
		{"[[1], [-2]]", "row 1, position 0: token id -2 is outside"},
		{"[[1, 99999999999]]", "row 0, position 1: token id 99999999999 is outside"},
		{"[[1], [2]]", "no row has a next token to predict; give rows of at least two ids"},
	} {
		dir := t.TempDir()
		file := write(t, filepath.Join(dir, "ids.json"), tt.text)
		words := append(strings.Split(tt.words, "|"), file)
		refused(t, exitInput, words, "eval", golden("llama_mha"), "--ids", file)
		refused(t, exitInput, words, "score", golden("llama_mha"), "--ids", file, "-o", filepath.Join(dir, "out"))
		only(t, dir, "ids.json")
	}
	few := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2], [3, 4]]")
	refused(t, exitInput, []string{few, "2 rows, --fresh-rows needs 20; lower --rows or --steps"}, "score", golden("llama_mha"), "--method", "moreau", "--ids", few, "--fresh-rows", "--rows", "2", "-o", few+"x")
	refused(t, exitInput, []string{few, "2 rows; give the one"}, "generate", golden("llama_mha"), "--ids", few)
	must(t, "eval", golden("llama_mha"), "--ids", write(t, few, "[[1, 2, 3], [4, 5], [6]]")) // ragged rows are fine
}

// Where text is needed, the error of a tokenizer says how to do without.
func TestBadTokenizer(t *testing.T) {
	for _, tt := range []struct {
		words string
		edits []edit
	}{
		{"no tokenizer: neither tokenizer.json nor tokenizer.model here", nil},
		{"tokenizer.json|corrupt tokenizer", []edit{with("tokenizer.json", "{")}},
		{"tokenizer.json|corrupt tokenizer|array in model, want an object", []edit{with("tokenizer.json", `{"model": []}`)}},
		{"tokenizer.json|unsupported tokenizer", []edit{with("tokenizer.json", `{"model": {"type": "Unigram"}}`)}},
		{"tokenizer.model|corrupt tokenizer", []edit{with("tokenizer.model", "junk")}},
	} {
		dir := folder(t, tt.edits...)
		out := filepath.Join(t.TempDir(), "out.gguf")
		ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2, 3]]")
		text := "builtin:shakespeare"
		words := append(strings.Split(tt.words, "|"), dir)
		refused(t, exitInput, append(words, "--ids FILE"), "eval", dir)
		refused(t, exitInput, append(words, "--ids FILE"), "score", dir, "--calib", text, "-o", out)
		refused(t, exitInput, append(words, "--ids FILE"), "prune", dir, "--ratio", "20%", "--calib", text, "-o", out)
		refused(t, exitInput, append(words, "--no-eval"), "prune", dir, "--ratio", "20%", "--ids", ids, "-o", out)
		refused(t, exitInput, words, "generate", dir)
		must(t, "inspect", dir)
		must(t, "eval", dir, "--ids", ids)
		only(t, filepath.Dir(out))
	}
}

func TestGGUFWithoutTokenizer(t *testing.T) {
	file := ggufTensors(t, func(kv map[string]any, _ checkpoint.Memory) {
		for key := range kv {
			if strings.HasPrefix(key, "tokenizer.") {
				delete(kv, key)
			}
		}
	})
	refused(t, exitInput, []string{file, "no tokenizer", "--ids FILE"}, "eval", file)
	must(t, "eval", file, "--ids", write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2, 3]]"))
}

// A tokenizer this program cannot read still goes from folder to folder.
func TestForeignTokenizerIsKept(t *testing.T) {
	dir := folder(t, with("tokenizer.json", `{"model": {"type": "Unigram"}}`))
	out := filepath.Join(t.TempDir(), "out")
	must(t, "convert", dir, "-o", out)
	if read(t, filepath.Join(out, "tokenizer.json")) != read(t, filepath.Join(dir, "tokenizer.json")) {
		t.Error("tokenizer.json changed")
	}
	refused(t, exitInput, []string{"unsupported tokenizer", "write a folder"}, "convert", dir, "-o", out+".gguf")
	only(t, filepath.Dir(out), "out")
}

func TestBadScores(t *testing.T) {
	good := read(t, score(t, "--method", "l1"))
	var layers map[string]any
	if err := json.Unmarshal([]byte(good), &layers); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, words string }{
		{"", "not a scores file; make one with moreau score"},
		{"hello", "not a scores file; make one with moreau score"},
		{good[:len(good)/2], "not a scores file; make one with moreau score"},
		{"[]", "not a scores file; make one with moreau score"},
		{"{}", `format "" version 0, want "moreau-scores" version 1`},
		{strings.Replace(good, `"version":1`, `"version":2`, 1), `version 2, want`},
		{strings.Replace(good, `"heads":[`, `"heads":[1,`, 1), "scores of another model|layers.0.heads"},
		{strings.Replace(good, `"heads":[`, `"heads":["x",`, 1), "string in layers.heads, want a number"},
		{read(t, score(t, "--method", "l1", "--layers", "1..2")), "no scores for layers.3.mlp; score all layers that are to be cut, or narrow --layers"},
	} {
		dir := t.TempDir()
		file := write(t, filepath.Join(dir, "scores.json"), tt.text)
		refused(t, exitInput, append(strings.Split(tt.words, "|"), file), "prune", stories, "--ratio", "20%", "--scores", file, "-o", filepath.Join(dir, "out.gguf"))
		only(t, dir, "scores.json")
	}
	other := write(t, filepath.Join(t.TempDir(), "scores.json"), good)
	refused(t, exitInput, []string{other, "scores of another model: 5 layers, the model has 2"}, "prune", golden("llama_mha"), "--ratio", "20%", "--scores", other, "-o", other+"x")
	refused(t, exitInput, []string{"nothing.json: no such file or directory; check the path"}, "prune", stories, "--ratio", "20%", "--scores", "nothing.json", "-o", other+"x")
	if _, err := os.Stat(other + "x"); err == nil {
		t.Error("something was written")
	}
}
