package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const smolLM2 = "data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"

// The ids of HF tokenizers and sentencepiece, made by testdata/reference.py.
func TestReference(t *testing.T) {
	var reference map[string]map[string]string
	unmarshal(t, "testdata/reference.json", &reference)
	var odd []string
	unmarshal(t, "testdata/odd.json", &odd)
	withPre := func(pre string) func(testing.TB) *Vocab {
		return func(t testing.TB) *Vocab {
			v := ggufVocab(t, "data/tokenizers/vectors/ggml-vocab-gpt-2.gguf")
			v.Pre = pre
			v.preDefaults()
			return v
		}
	}
	vocabs := map[string]func(testing.TB) *Vocab{
		"smollm2":         func(t testing.TB) *Vocab { return ggufVocab(t, smolLM2) },
		"gpt-2":           withPre("gpt-2"),
		"gpt-2 llama-bpe": withPre("llama-bpe"),
		"gpt-2 qwen2":     withPre("qwen2"),
		"tinyllama":       func(t testing.TB) *Vocab { return hfVocab(t, "data/tokenizers/tinyllama") },
		"tinyllama gemma": gemmaVocab,
		"tinystories":     func(t testing.TB) *Vocab { return hfVocab(t, "data/models/TinyStories-656K") },
		"llama2":          func(t testing.TB) *Vocab { return hfVocab(t, "data/tokenizers/llama2") },
	}
	for name, want := range reference {
		t.Run(name, func(t *testing.T) {
			tok := mustNew(t, vocabs[name](t))
			compare(t, tok, odd, want["odd"])
			compare(t, tok, wikiLines(t), want["wikitext"])
		})
	}
}

// GGUF holds only the scores that were derived from the merges: they must give the same ids.
func TestScoresAgreeWithMerges(t *testing.T) {
	var odd []string
	unmarshal(t, "testdata/odd.json", &odd)
	for _, dir := range []string{"data/tokenizers/tinyllama", "data/models/TinyStories-656K"} {
		v := hfVocab(t, dir)
		scores := *v
		scores.Merges = nil
		byMerge, byScore := mustNew(t, v), mustNew(t, &scores)
		for _, text := range append(wikiLines(t), odd...) {
			if a, b := byMerge.Encode(text), byScore.Encode(text); !slices.Equal(a, b) {
				t.Errorf("%s: %q: %v by merge, %v by score", dir, text, a, b)
			}
		}
	}
}

// gemmaVocab is TinyLlama's vocabulary in the pipeline of Gemma.
func gemmaVocab(t testing.TB) *Vocab {
	t.Helper()
	var f map[string]any
	dir := t.TempDir()
	unmarshal(t, filepath.Join(need(t, "data/tokenizers/tinyllama"), "tokenizer.json"), &f)
	f["normalizer"] = map[string]any{"type": "Replace", "pattern": map[string]string{"String": " "}, "content": blank}
	f["pre_tokenizer"] = map[string]any{"type": "Split", "pattern": map[string]string{"String": " "}, "behavior": "MergedWithPrevious", "invert": false}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tokenizer.json"), string(data))
	v, err := FromHF(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compare(t *testing.T, tok Tokenizer, texts []string, digests string) {
	t.Helper()
	want := strings.Fields(digests)
	if len(want) != len(texts) {
		t.Fatalf("%d reference digests for %d texts", len(want), len(texts))
	}
	for i, text := range texts {
		if ids := tok.Encode(text); want[i] != "-" && digest(ids) != want[i] {
			t.Errorf("text %d %q: other ids than the reference: %v", i, text, ids)
		}
	}
}

func digest(ids []int) string {
	sum := sha256.Sum256([]byte(strings.Trim(fmt.Sprint(ids), "[]")))
	return hex.EncodeToString(sum[:4])
}

func wikiLines(t testing.TB) []string {
	var lines []string
	for _, l := range strings.Split(read(t, need(t, "data/wikitext-2-raw/wiki.test.raw")), "\n") {
		if strings.TrimSpace(l) != "" && len(lines) < 1000 {
			lines = append(lines, l)
		}
	}
	return lines
}

func hfVocab(t testing.TB, dir string) *Vocab {
	t.Helper()
	v, err := FromHF(need(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unmarshal(t testing.TB, path string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, filepath.FromSlash(path))), to); err != nil {
		t.Fatal(err)
	}
}
