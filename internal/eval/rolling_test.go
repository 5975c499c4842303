package eval_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// goldenPages are lm-evaluation-harness's wikitext of SmolLM2-135M-Instruct (Q4_1).
type goldenPages struct {
	MaxLength int   `json:"max_length"`
	Prefix    int32 `json:"prefix_token_id"`
	Documents []struct {
		Index, Words, Bytes, Tokens int
		Text                        string // of the file with the longest windows alone
		LogLikelihood               float64
		WordPerplexity              float64 `json:"word_perplexity"`
		BytePerplexity              float64 `json:"byte_perplexity"`
		BitsPerByte                 float64 `json:"bits_per_byte"`
		Windows                     []struct {
			N             int
			LogLikelihood float64
			Context       []int32 `json:"context_ids"`
			First         *int32  `json:"first_id"`
			Continuation  []int32 `json:"continuation_ids"`
		}
	}
}

// Pages, their words, bytes and detokenised texts, and the windows over their ids are the harness's;
// so are, of the shortest pages, the figures within 1e-4.
func TestHarnessWikitext(t *testing.T) {
	m, tok := smolLM2(t)
	docs, err := dataset.Documents("wikitext2", goldentest.Shared(t, "data", "wikitext-2-raw", "wiki.test.raw"))
	if err != nil || len(docs) != 62 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	tr, w := transformer.New(be, m.Config), transformer.NewStreamed(be, m.Weights)
	for file, most := range map[string]int{"wikitext": 2000, "wikitext_maxlen2048": 2600} { // tokens of a page that is measured
		data, err := os.ReadFile(goldentest.Shared(t, "golden", "eval", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var g goldenPages
		if err := json.Unmarshal(data, &g); err != nil {
			t.Fatal(err)
		}
		measured := 0
		for _, want := range g.Documents {
			d := docs[want.Index]
			if d.Words != want.Words || d.Bytes != want.Bytes || want.Text != "" && d.Text != want.Text {
				t.Errorf("%s %d: %d words, %d bytes, text %.200q", file, want.Index, d.Words, d.Bytes, d.Text)
			}
			ids := dataset.IDs(tok.Encode(d.Text))
			windows := eval.Windows(ids, g.Prefix, g.MaxLength)
			if len(ids) != want.Tokens || len(windows) != len(want.Windows) {
				t.Fatalf("%s %d: %d tokens in %d windows, want %d in %d", file, want.Index, len(ids), len(windows), want.Tokens, len(want.Windows))
			}
			for i, x := range want.Windows {
				got := windows[i]
				if !slices.Equal(got.IDs[:got.From], x.Context) || len(got.IDs)-got.From != x.N ||
					x.Continuation != nil && !slices.Equal(got.IDs[got.From:], x.Continuation) || x.First != nil && got.IDs[got.From] != *x.First {
					t.Errorf("%s %d: window %d is %v from %d on", file, want.Index, i, got.IDs, got.From)
				}
			}
			if len(ids) > most || be.Name() == "cpu/generic" || testing.Short() {
				continue
			}
			measured++
			r, err := eval.DocumentPerplexity(t.Context(), tr, w, []eval.Document{{Windows: windows, Words: d.Words, Bytes: d.Bytes}}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, f := range map[string][2]float64{"word_perplexity": {r.Rolling.WordPerplexity, want.WordPerplexity}, "byte_perplexity": {r.Rolling.BytePerplexity, want.BytePerplexity},
				"bits_per_byte": {r.Rolling.BitsPerByte, want.BitsPerByte}, "log-likelihood": {-r.MeanNLL * float64(r.Tokens), want.LogLikelihood}} {
				e := math.Abs(f[0]-f[1]) / math.Abs(f[1])
				t.Logf("%s %d: %s %.6f, harness %.6f: %.1e", file, want.Index, name, f[0], f[1], e)
				if !(e <= 1e-4) {
					t.Errorf("%s %d: %s is %g, want %g", file, want.Index, name, f[0], f[1])
				}
			}
		}
		t.Logf("%s: %d of %d pages measured", file, measured, len(g.Documents))
	}
}

// Each token is predicted once, from as many as are read at most; later windows are full.
func TestWindows(t *testing.T) {
	for n := range 13 {
		var ids, predicted []int32
		for i := range n {
			ids = append(ids, int32(i+1))
		}
		windows := eval.Windows(ids, 0, 4)
		for i, w := range windows {
			if len(w.IDs)-1 > 4 || i > 0 && len(w.IDs)-1 != 4 || w.From < 1 {
				t.Errorf("%d ids: window %d is %+v", n, i, w)
			}
			predicted = append(predicted, w.IDs[w.From:]...)
		}
		if !slices.Equal(predicted, ids) {
			t.Errorf("%d ids: %v are predicted", n, predicted)
		}
	}
}

// A document without a token to predict counts for nothing beside others, and no figure of a result is NaN, which no JSON holds.
func TestEmptyDocuments(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	tr, w := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
	document := func(ids ...int32) eval.Document {
		return eval.Document{Windows: eval.Windows(ids, 0, 16), Words: len(ids), Bytes: len(ids)}
	}
	measured := func(docs ...eval.Document) eval.Result {
		t.Helper()
		r, err := eval.DocumentPerplexity(t.Context(), tr, w, docs, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		return r
	}
	with, without := measured(document(1, 2, 3), document(), document(4, 5)), measured(document(1, 2, 3), document(4, 5))
	if with.Tokens != 5 || with.MeanNLL != without.MeanNLL || len(with.ChunkNLL) != 3 || with.ChunkNLL[1] != 0 || with.Rolling.Words != 5 {
		t.Errorf("%+v, without the empty one %+v", with, without)
	}
	if one := measured(document(7)); one.Tokens != 1 || one.Stderr != 0 {
		t.Errorf("one token: %+v", one)
	}
	if _, err := eval.DocumentPerplexity(t.Context(), tr, w, []eval.Document{document(), document()}, nil, nil); err == nil {
		t.Error("empty documents have a perplexity")
	}
}
