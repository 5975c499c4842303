package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tokenizer"
)

// answers are what hf_tokenizers.py writes for one tokenizer.
type answers struct {
	Reference string
	Model     *string // what moreau reads; nil: the folder of the answers
	IDs       [][]int // nil: none
	Decoded   []*string
}

// Every tokenizer at hand, and trained ones with the components of the families, against the
// reference implementations.
func TestTokenizers(t *testing.T) {
	needPython(t, "gguf, regex, sentencepiece, tokenizers, transformers")
	out := t.TempDir()
	texts, path := writeCorpus(t)
	shared, err := filepath.Abs("../../shared")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(shared); err != nil {
		t.Logf("SKIPPED: the tokenizers of the shared data, which is absent: %v", err)
	}
	python(t, "hf_tokenizers.py", shared, path, out)
	folders, err := os.ReadDir(out)
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d tokenizers, %v", len(folders), err)
	}
	for _, f := range folders {
		t.Run(f.Name(), func(t *testing.T) { compareWith(t, filepath.Join(out, f.Name()), texts) })
	}
}

func compareWith(t *testing.T, folder string, texts []string) {
	t.Helper()
	var want answers
	if err := json.Unmarshal(readFile(t, filepath.Join(folder, "ids.json")), &want); err != nil {
		t.Fatal(err)
	}
	if want.Model != nil {
		folder = *want.Model
	}
	tok := openTokenizer(t, folder)
	encoded, decoded := 0, 0
	for i, text := range texts {
		if want.IDs[i] == nil {
			continue
		}
		encoded++
		ids := tok.Encode(text)
		if !slices.Equal(ids, want.IDs[i]) {
			t.Errorf("text %d: %.300q\n got %s\nwant %s", i, text, head(ids), head(want.IDs[i]))
		}
		if want.Decoded[i] == nil {
			continue
		}
		decoded++
		if got := decode(tok, want.IDs[i]); got != *want.Decoded[i] {
			t.Errorf("text %d comes back as %.300q, the reference has %.300q", i, got, *want.Decoded[i])
		}
	}
	t.Logf("%d texts encoded as %s, %d decoded", encoded, want.Reference, decoded)
}

// head writes the first 80 ids.
func head(ids []int) string { return fmt.Sprint(ids[:min(len(ids), 80)]) }

// decode leaves out the first blank, as the decoders of HF and sentencepiece do.
func decode(tok tokenizer.Tokenizer, ids []int) string {
	text := tok.Decode(ids)
	if tok.Vocab().AddSpacePrefix {
		text = strings.TrimPrefix(text, " ")
	}
	return text
}

// openTokenizer reads a folder, a GGUF file or a tokenizer.bin of 32,000 tokens.
func openTokenizer(t *testing.T, path string) tokenizer.Tokenizer {
	t.Helper()
	v, err := openVocab(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func openVocab(path string) (*tokenizer.Vocab, error) {
	switch filepath.Ext(path) {
	case ".gguf":
		g, err := checkpoint.OpenGGUF(path)
		if err != nil {
			return nil, err
		}
		defer g.Close()
		return tokenizer.FromGGUF(g.KV())
	case ".bin":
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return tokenizer.FromLlama2C(f, 32000)
	}
	return tokenizer.FromHF(path)
}
