package eval_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// goldenText is one text of golden/eval/perplexity.json, made by PyTorch.
type goldenText struct {
	Tokens  int          `json:"tokens"`
	Seq128  goldenChunks `json:"seq128"`
	Seq2048 goldenChunks `json:"seq2048"`
}

type goldenChunks struct {
	ChunkNLL []float64 `json:"chunk_mean_nll"`
	IDs      [][]int32 `json:"ids_first_2_chunks"`
}

// inPart is which part of a text's chunks is measured: slow machines take minutes for all.
const inPart = 2

// The dense perplexities of SmolLM2-135M-Instruct (Q4_1) under the two
// protocols of the pruning papers, against PyTorch's of the same chunks, within 1e-4.
func TestSmolLM2Perplexity(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a minute; run without -short")
	}
	path := goldentest.Shared(t, "data", "models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf")
	data, err := os.ReadFile(goldentest.Shared(t, "golden", "eval", "perplexity.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]goldenText
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	if be.Name() == "cpu/generic" {
		t.Skip("SKIPPED: too slow without SIMD kernels; the kernels are tested against each other")
	}
	m, err := load.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tr, w := transformer.New(be, m.Config), transformer.NewStreamed(be, m.Weights)
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ golden, name, file string }{
		{"wikitext2_test", "wikitext2", goldentest.Shared(t, "data", "wikitext-2-raw", "wiki.test.raw")},
		{"ptb_valid", "ptb", goldentest.Shared(t, "data", "ptb", "ptb.valid.txt")},
	} {
		text, err := dataset.Join(c.name, c.file)
		if err != nil {
			t.Fatal(err)
		}
		g := golden[c.golden]
		if n := len(tok.Encode(text)); n != g.Tokens {
			t.Errorf("%s: %d tokens, want %d", c.golden, n, g.Tokens)
		}
		for _, s := range []struct {
			seq    int
			golden goldenChunks
		}{{128, g.Seq128}, {2048, g.Seq2048}} {
			want := s.golden.ChunkNLL[:len(s.golden.ChunkNLL)/inPart]
			rows, err := dataset.Perplexity(text, tok, s.seq, len(want))
			if err != nil {
				t.Fatal(err)
			}
			for i, ids := range s.golden.IDs {
				if !slices.Equal(rows[i], ids) {
					t.Errorf("%s, %d tokens: ids of chunk %d differ", c.golden, s.seq, i)
				}
			}
			r, err := eval.Perplexity(context.Background(), tr, w, rows, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			perplexity := 0. // all chunks have as many tokens
			for i, want := range want {
				perplexity += want
				if e := math.Abs(r.ChunkNLL[i]-want) / want; !(e <= 1e-3) {
					t.Errorf("%s, %d tokens: mean of row %d is %.5f, want %.5f", c.golden, s.seq, i, r.ChunkNLL[i], want)
				}
			}
			perplexity = math.Exp(perplexity / float64(len(want)))
			t.Logf("%s, %d tokens: perplexity %.4f, PyTorch %.4f, %.0f tokens/s", c.golden, s.seq, r.Perplexity, perplexity, r.TokensPerSecond)
			if e := math.Abs(r.Perplexity-perplexity) / perplexity; !(e <= 1e-4) {
				t.Errorf("%s, %d tokens: perplexity %.5f, want %.5f (relative error %g)", c.golden, s.seq, r.Perplexity, perplexity, e)
			}
		}
	}
}
