package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hybridgroup/yzma/pkg/llama"

	"moreau/internal/checkpoint"
	"moreau/internal/tokenizer"
)

// vocabs are the vocabularies that tokenizer files are written of: those of the shared data that
// are here, and the one that the program holds.
func vocabs(t *testing.T) map[string]*tokenizer.Vocab {
	t.Helper()
	all := map[string]*tokenizer.Vocab{}
	for name, path := range map[string]string{
		"llama2": "tokenizers/llama2", "llama2-llama2c": "tokenizers/llama2/tokenizer.bin", "llama3": "tokenizers/llama3", "tinyllama": "tokenizers/tinyllama",
		"tinystories": "models/TinyStories-656K", "smollm2": "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf",
		"gpt2": "tokenizers/vectors/ggml-vocab-gpt-2.gguf", "llama-spm": "tokenizers/vectors/ggml-vocab-llama-spm.gguf",
	} {
		path = filepath.Join("../../shared/data", path)
		if _, err := os.Stat(path); err != nil {
			t.Logf("SKIPPED: %s: %v", name, err)
			continue
		}
		v, err := openVocab(path)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = v
	}
	if gpt2, ok := all["gpt2"]; ok {
		qwen2 := *gpt2
		qwen2.Pre, qwen2.Normalizers = "qwen2", []tokenizer.Normalizer{{Type: "NFC"}}
		all["gpt2-as-qwen2"] = &qwen2
	}
	path := filepath.Join(t.TempDir(), "stories.gguf")
	moreau(t, "convert", stories, "-o", path)
	v, err := openVocab(path)
	if err != nil {
		t.Fatal(err)
	}
	all["stories260K"] = v
	return all
}

// transformers gives the same ids from the tokenizer files that moreau writes.
func TestWrittenTokenizersHF(t *testing.T) {
	needPython(t, "transformers")
	dir := t.TempDir()
	texts, path := writeCorpus(t)
	all, args := vocabs(t), []string{"hf_encode.py", path}
	for name, v := range all {
		files, err := v.HF()
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, name)
		writeFiles(t, folder, files)
		args = append(args, folder)
	}
	python(t, args...)
	for name, v := range all {
		t.Run(name, func(t *testing.T) {
			var got [][]int
			if err := json.Unmarshal(readFile(t, filepath.Join(dir, name, "ids.json")), &got); err != nil {
				t.Fatal(err)
			}
			sameIDs(t, v, texts, func(i int) []int { return got[i] })
		})
	}
}

// llama.cpp gives the same ids from the vocabulary that moreau writes into a GGUF file.
func TestWrittenTokenizersLlamaCpp(t *testing.T) {
	needLlamaCpp(t)
	texts := corpus(t)
	for name, v := range vocabs(t) {
		t.Run(name, func(t *testing.T) {
			if v.Model == "llama" && !slices.Contains(v.Types, tokenizer.Byte) {
				t.Skip("llama.cpp ends the process at a character without token where there are no byte tokens")
			}
			path := filepath.Join(t.TempDir(), "vocab.gguf")
			writeVocab(t, v, path)
			params := llama.ModelDefaultParams()
			params.VocabOnly = 1
			model, err := llama.ModelLoadFromFile(path, params)
			if err != nil || model == 0 {
				t.Fatalf("llama.cpp does not load %s: %v", path, err)
			}
			defer llama.ModelFree(model)
			written, err := openVocab(path)
			if err != nil {
				t.Fatal(err)
			}
			written.Normalizers = nil // NFC, which llama.cpp leaves out
			sameIDs(t, written, texts, func(i int) []int { return llamaIDs(model, texts[i]) })
		})
	}
}

// writeVocab writes a GGUF file with a vocabulary and no tensors.
func writeVocab(t *testing.T, v *tokenizer.Vocab, path string) {
	t.Helper()
	pairs, err := v.GGUF()
	if err != nil {
		t.Fatal(err)
	}
	kv := []checkpoint.KeyValue{{Key: "general.architecture", Value: "llama"}}
	for _, p := range pairs {
		kv = append(kv, checkpoint.KeyValue(p))
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := checkpoint.WriteGGUF(f, kv, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// llamaIDs gives llama.cpp's ids; nil for a text with a NUL, at which a C string ends.
func llamaIDs(model llama.Model, text string) []int {
	if strings.Contains(text, "\x00") {
		return nil
	}
	ids := []int{}
	for _, id := range llama.Tokenize(llama.ModelGetVocab(model), text, false, true) {
		ids = append(ids, int(id))
	}
	return ids
}

// sameIDs compares moreau's ids with another program's; nil: it has none.
func sameIDs(t *testing.T, v *tokenizer.Vocab, texts []string, other func(int) []int) {
	t.Helper()
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, text := range texts {
		got := other(i)
		if got == nil {
			continue
		}
		compared++
		if want := tok.Encode(text); !slices.Equal(got, want) {
			t.Errorf("text %d: %.300q\n got %s\nmoreau %s", i, text, head(got), head(want))
		}
	}
	t.Logf("%d texts", compared)
}
