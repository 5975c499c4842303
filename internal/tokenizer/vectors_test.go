package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
)

const shared = "../../../shared"

// need gives the path of a file of the shared data, which the tests on large files are skipped without.
func need(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join(shared, path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED, shared data absent: %v", err)
	}
	return full
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func ggufVocab(t testing.TB, path string) *Vocab {
	t.Helper()
	g, err := checkpoint.OpenGGUF(need(t, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	v, err := FromGGUF(g.KV())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustNew(t testing.TB, v *Vocab) Tokenizer {
	t.Helper()
	tok, err := New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// The vectors of llama.cpp (models/ggml-vocab-*.inp, .out): a section of text, a line of ids.
func TestVectors(t *testing.T) {
	const dir = "data/tokenizers/vectors/ggml-vocab-"
	vocabs := map[string]func(testing.TB) *Vocab{
		"llama-spm": func(t testing.TB) *Vocab { return ggufVocab(t, dir+"llama-spm.gguf") },
		"gpt-2":     func(t testing.TB) *Vocab { return ggufVocab(t, dir+"gpt-2.gguf") },
		"llama-bpe": func(t testing.TB) *Vocab {
			v, err := parseModel([]byte(read(t, need(t, "data/tokenizers/llama3/tokenizer.model"))))
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
	}
	for name, vocab := range vocabs {
		t.Run(name, func(t *testing.T) {
			tok := mustNew(t, vocab(t))
			texts := strings.Split(read(t, need(t, dir+name+".gguf.inp")), "\n__ggml_vocab_test__\n")
			lines := strings.Split(read(t, need(t, dir+name+".gguf.out")), "\n")
			for i, text := range texts {
				if got, want := tok.Encode(text), numbers(t, lines[i]); !slices.Equal(got, want) {
					t.Errorf("section %d %q\n got %v\nwant %v", i, text, got, want)
				}
				if text != "" && tok.Vocab().AddSpacePrefix {
					text = " " + text
				}
				if back := tok.Decode(numbers(t, lines[i])); back != text {
					t.Errorf("section %d %q comes back as %q", i, text, back)
				}
			}
		})
	}
}

func numbers(t *testing.T, line string) []int {
	var ids []int
	for _, f := range strings.Fields(line) {
		id, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
