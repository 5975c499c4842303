package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/dataset"
	"moreau/internal/tokenizer"
)

type chunks struct {
	Chunks int       `json:"chunks_in_all"`
	IDs    [][]int32 `json:"ids_first_2_chunks"`
}

type goldenText struct {
	Rows            int `json:"rows"`
	Bytes           int `json:"text_bytes"`
	Tokens          int `json:"tokens"`
	Seq128, Seq2048 chunks
}

// The perplexity texts of lm-eval's run on SmolLM2: joined rows, ids, chunks.
func TestGoldenPerplexity(t *testing.T) {
	tok := smolLM2(t)
	var golden map[string]goldenText
	data, err := os.ReadFile(need(t, "golden/eval/perplexity.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][2]string{
		"wikitext2_test": {"wikitext2", "data/wikitext-2-raw/wiki.test.raw"},
		"ptb_valid":      {"ptb", "data/ptb/ptb.valid.txt"},
	} {
		text, err := dataset.Join(file[0], need(t, file[1]))
		if err != nil {
			t.Fatal(err)
		}
		want := golden[name]
		if ids := tok.Encode(text); len(text) != want.Bytes || len(ids) != want.Tokens {
			t.Errorf("%s: %d bytes, %d tokens, want %d, %d", name, len(text), len(ids), want.Bytes, want.Tokens)
		}
		for seqLen, want := range map[int]chunks{128: want.Seq128, 2048: want.Seq2048} {
			rows, err := dataset.Perplexity(text, tok, seqLen, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != want.Chunks {
				t.Errorf("%s: %d chunks of %d, want %d", name, len(rows), seqLen, want.Chunks)
			}
			for i, ids := range want.IDs {
				if !slices.Equal(rows[i], ids) {
					t.Errorf("%s: chunk %d of %d has other ids", name, i, seqLen)
				}
			}
		}
	}
}

// The built-in texts are long enough for a calibration set with a real vocabulary.
func TestBuiltinCalibration(t *testing.T) {
	tok := smolLM2(t)
	for _, name := range dataset.BuiltinNames {
		calibration, heldout := dataset.Builtin(name)
		rows, err := dataset.Calibration([]string{calibration}, tok, 10, 128, 0)
		if err != nil || dataset.Validate(rows, len(tok.Vocab().Tokens)) != nil || rows.Tokens() != 1280 {
			t.Errorf("%s: %d tokens, %v", name, rows.Tokens(), err)
		}
		if rows, err = dataset.Perplexity(heldout, tok, 2048, 0); err != nil || len(rows) < 3 {
			t.Errorf("%s: %d held-out rows, %v", name, len(rows), err)
		}
	}
}

func BenchmarkEncodeWikiText(b *testing.B) {
	tok := smolLM2(b)
	text, err := os.ReadFile(need(b, "data/wikitext-2-raw/wiki.test.raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(string(text))
	}
}

func smolLM2(t testing.TB) tokenizer.Tokenizer {
	g, err := checkpoint.OpenGGUF(need(t, "data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	v, err := tokenizer.FromGGUF(g.KV())
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func need(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join("../../../shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED, shared data absent: %v", err)
	}
	return full
}
