package job

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
)

// goldenDocuments is testdata/golden/rolling.json, made by rolling.py.
type goldenDocuments struct {
	MaxLength int `json:"max_length"`
	Aggregate struct {
		WordPerplexity float64 `json:"word_perplexity"`
		BytePerplexity float64 `json:"byte_perplexity"`
		BitsPerByte    float64 `json:"bits_per_byte"`
	}
	Documents []struct {
		Page          string
		Words, Bytes  int
		LogLikelihood float64
		Windows       []struct {
			Context      []int32 `json:"context_ids"`
			Continuation []int32 `json:"continuation_ids"`
		}
	}
}

// Pages of a Parquet file, as the hub has WikiText, read behind BOS: windows are lm-evaluation-harness's, and
// figures within 1e-4 (measured: 1.2e-5).
func TestHarnessRollingBehindBOS(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes half a minute on a busy machine; run without -short")
	}
	data, err := os.ReadFile(filepath.Join(goldentest.Root(), "testdata", "golden", "rolling.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g goldenDocuments
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Page string `parquet:"page"`
	}
	var rows []row
	for _, d := range g.Documents {
		rows = append(rows, row{d.Page})
	}
	path := filepath.Join(t.TempDir(), "test-00000-of-00001.parquet")
	if err := parquet.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	model := goldentest.Shared(t, "data", "models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf")
	j, err := NewEval([]string{model}, be, EvalOptions{Mean: "papers",
		Texts: &TextOptions{Files: []NamedFile{{"wikitext2", path}}, Protocol: "rolling", Seq: 128, MaxLength: g.MaxLength, BOS: AlwaysBOS}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	docs := j.subjects[0].texts[0].docs
	if len(docs) != len(g.Documents) {
		t.Fatalf("%d documents, want %d", len(docs), len(g.Documents))
	}
	for i, want := range g.Documents {
		if docs[i].Words != want.Words || docs[i].Bytes != want.Bytes || len(docs[i].Windows) != len(want.Windows) {
			t.Fatalf("document %d: %+v", i, docs[i])
		}
		for k, w := range want.Windows {
			if got := docs[i].Windows[k]; !slices.Equal(got.IDs[:got.From], w.Context) || !slices.Equal(got.IDs[got.From:], w.Continuation) {
				t.Errorf("document %d: window %d is %v from %d on, want %v, %v", i, k, got.IDs, got.From, w.Context, w.Continuation)
			}
		}
	}
	r, err := j.Execute(t.Context(), j.Plan(), &heard{})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Models[0].Perplexity[0]
	near := func(what string, got, want float64) {
		t.Helper()
		e := math.Abs(got-want) / math.Abs(want)
		if t.Logf("%s: %.6f, harness %.6f: %.1e", what, got, want, e); !(e <= 1e-4) {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	near("word_perplexity", got.Rolling.WordPerplexity, g.Aggregate.WordPerplexity)
	near("byte_perplexity", got.Rolling.BytePerplexity, g.Aggregate.BytePerplexity)
	near("bits_per_byte", got.Rolling.BitsPerByte, g.Aggregate.BitsPerByte)
	for i, d := range g.Documents {
		tokens := 0
		for _, w := range docs[i].Windows {
			tokens += len(w.IDs) - w.From
		}
		near("log-likelihood", -got.ChunkNLL[i]*float64(tokens), d.LogLikelihood)
	}
}
