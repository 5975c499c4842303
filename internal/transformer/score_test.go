package transformer_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// ids are n token ids below 40 that differ with seed.
func ids(n, seed int) (row []int32) {
	for i := range n {
		row = append(row, int32((seed*31+i*7+i*i*seed)%40))
	}
	return row
}

// groups are questions of all shapes: a long common beginning, answers of one token, contexts
// that differ, a text alone, a few tokens, more queries than a tile of attention.
func groups() [][]transformer.Text {
	of := func(context []int32, answers ...[]int32) (g []transformer.Text) {
		for _, a := range answers {
			g = append(g, transformer.Text{IDs: slices.Concat(context, a), From: len(context)})
		}
		return g
	}
	return [][]transformer.Text{
		of(ids(40, 1), ids(5, 2), ids(9, 3), ids(1, 4)),
		of(ids(21, 5), []int32{3}, []int32{4}),
		{{IDs: ids(14, 6), From: 9}, {IDs: slices.Concat(ids(4, 6), ids(12, 8)), From: 5}},
		of(ids(1, 7), ids(3, 1)),
		of(ids(3, 9), ids(60, 2), ids(50, 2)),
		of(ids(30, 1), ids(20, 3), ids(12, 3)),                             // begins as the first
		of(slices.Concat(ids(40, 1), ids(3, 2)), ids(4, 5), []int32{7, 8}), // and goes on as its first text
	}
}

// scored runs groups through a golden model with so many threads; a family that ends in +bf16 with products of bf16.
func scored(t *testing.T, family string, threads int, groups [][]transformer.Text) [][]transformer.Predictions {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	family, halved := strings.CutSuffix(family, "+bf16")
	if halved {
		be = be.WithBF16()
	}
	g := goldentest.Open(t, family)
	cfg := *g.Config
	cfg.MaxPositions = max(cfg.MaxPositions, 128)
	got, err := transformer.New(be, &cfg).Score(context.Background(), groups, transformer.NewStreamed(be, g.Weights))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What a text gets is what a pass over it alone says of its last tokens.
func TestScoreAgreesWithPass(t *testing.T) {
	for _, family := range []string{"llama_mha", "llama_gqa_rope3", "mistral_window", "qwen2_bias", "qwen3_qknorm", "gemma2_softcap", "gemma3", "granite", "smollm3", "olmo2",
		"gemma", "llama_yarn", "phi3_fused", "mistral3", "ernie4_5", "seed_oss", "olmo3", "ministral3", "qwen3_window"} {
		t.Run(family, func(t *testing.T) {
			be, err := cpu.New(2)
			if err != nil {
				t.Fatal(err)
			}
			g := goldentest.Open(t, family)
			tr, w := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
			got := scored(t, family, 2, groups())
			for i, group := range groups() {
				for k, text := range group {
					b, err := transformer.NewBatch([][]int32{text.IDs})
					if err != nil {
						t.Fatal(err)
					}
					want, err := tr.Pass(context.Background(), b, w, transformer.Watch{})
					if err != nil {
						t.Fatal(err)
					}
					for j := range len(text.IDs) - text.From {
						at := text.From - 1 + j
						if d := math.Abs(got[i][k].NLL[j] - want.NLL[at]); !(d <= 2e-5) {
							t.Errorf("group %d, text %d, token %d: %g, alone %g", i, k, j, got[i][k].NLL[j], want.NLL[at])
						}
						if got[i][k].Best[j] != want.Best[at] {
							t.Errorf("group %d, text %d, token %d: best %d, alone %d", i, k, j, got[i][k].Best[j], want.Best[at])
						}
					}
				}
			}
		})
	}
}

// The bits of a text depend neither on the texts beside it, nor on what it shares with them, nor
// on threads.
func TestScoreBits(t *testing.T) {
	for _, family := range []string{"llama_mha", "llama_gqa_rope3", "mistral_window", "llama_mha+bf16"} {
		all := scored(t, family, 2, groups())
		for _, threads := range []int{1, 3} {
			same(t, family+", other threads", scored(t, family, threads, groups()), all)
		}
		for i, group := range groups() {
			same(t, family+", a group alone", scored(t, family, 2, [][]transformer.Text{group}), all[i:i+1])
			for k, text := range group {
				same(t, family+", a text alone", scored(t, family, 2, [][]transformer.Text{{text}}), [][]transformer.Predictions{all[i][k : k+1]})
			}
		}
	}
}

func same(t *testing.T, what string, got, want [][]transformer.Predictions) {
	t.Helper()
	for i := range want {
		for k := range want[i] {
			if !slices.Equal(got[i][k].NLL, want[i][k].NLL) || !slices.Equal(got[i][k].Best, want[i][k].Best) {
				t.Errorf("%s: group %d, text %d: %v, want %v", what, i, k, got[i][k], want[i][k])
			}
		}
	}
}

// What texts begin with is a row once, whichever of them are alike how far; the last token of each is none.
func TestScoreRows(t *testing.T) {
	text := func(ids ...int32) transformer.Text { return transformer.Text{IDs: ids, From: 1} }
	for _, c := range []struct {
		group []transformer.Text
		want  int
	}{
		{[]transformer.Text{text(1, 2)}, 1},
		{[]transformer.Text{text(1, 2, 3, 4), text(1, 2, 5, 6)}, 4},
		{[]transformer.Text{text(1, 2, 3, 4), text(1, 2, 3, 5)}, 3},
		{[]transformer.Text{text(1, 2, 3, 4, 5), text(1, 2, 3), text(1, 2, 6, 7), text(1, 2, 6, 8)}, 5},
		{[]transformer.Text{text(1, 2, 3), text(1, 2, 3, 4, 5), text(2, 2, 3)}, 6},
		{[]transformer.Text{text(1, 2, 3, 9), text(1, 4, 9), text(1, 2, 5, 9), text(1, 2, 3, 6, 9)}, 6},
	} {
		if got := transformer.ScoreRows(c.group); got != c.want {
			t.Errorf("%v: %d rows, want %d", c.group, got, c.want)
		}
	}
}

// Texts that predict nothing are refused, and texts that cannot share a pass.
func TestScoreRefuses(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	tr, w := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
	for _, groups := range [][][]transformer.Text{nil, {{}}, {{{IDs: ids(3, 1), From: 3}}}, {{{IDs: ids(3, 1), From: 0}}}} {
		if _, err := tr.Score(context.Background(), groups, w); err == nil {
			t.Errorf("%v is scored", groups)
		}
	}
	g = goldentest.Open(t, "phi4mini") // whose long texts turn otherwise than short ones
	tr, w = transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
	if _, err := tr.Score(context.Background(), groups(), w); err == nil || !strings.Contains(err.Error(), "score them apart") {
		t.Error(err)
	}
}

// Scoring takes what it is estimated to take.
func TestScoreBytes(t *testing.T) {
	for _, family := range []string{"llama_mha", "mistral_window", "qwen3_qknorm", "gemma2_softcap"} {
		be := unsplit(t)
		g := goldentest.Open(t, family)
		many := slices.Concat(groups(), groups(), groups(), groups())
		tr, streamed := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
		if _, err := tr.Score(context.Background(), many, streamed); err != nil {
			t.Fatal(err)
		}
		within(t, family, transformer.ScoreBytes(g.Config, checkpoint.Memory{}, many, false), be.Peak())
		if _, err := tr.Score(context.Background(), many, transformer.NewResident(streamed)); err != nil {
			t.Fatal(err)
		}
		within(t, family+", weights kept", transformer.ScoreBytes(g.Config, checkpoint.Memory{}, many, true), be.Peak())
	}
}
