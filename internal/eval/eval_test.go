package eval_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/eval"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// counting notes how many positions each pass embeds.
type counting struct {
	backend.Backend
	passes []int
}

func (c *counting) EmbeddingForward(out, table backend.Buffer, ids []int32, C int) {
	c.passes = append(c.passes, len(ids))
	c.Backend.EmbeddingForward(out, table, ids, C)
}

// measured is one evaluation of the golden llama_mha.
type measured struct {
	eval.Result
	passes []int // positions of each
	chunks []int // of each
}

func measure(t *testing.T, rows [][]int32) measured {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	cfg := *g.Config
	cfg.MaxPositions = 4096
	c := &counting{Backend: be}
	var m measured
	m.Result, err = eval.Perplexity(context.Background(), transformer.New(c, &cfg), transformer.NewStreamed(c, g.Weights), rows, nil,
		func(more []eval.Chunk) error { m.chunks = append(m.chunks, len(more)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	m.passes = c.passes
	return m
}

// row is n ids that differ from row to row.
func row(n, first int) (ids []int32) {
	for i := range n {
		ids = append(ids, int32((first+7*i)%90))
	}
	return ids
}

func times(count, n int) (rows [][]int32) {
	for i := range count {
		rows = append(rows, row(n, i))
	}
	return rows
}

// Rows share a pass while all of them, padded to the longest, have at most 2048
// positions; a row that is longer goes alone.
func TestPasses(t *testing.T) {
	for name, c := range map[string]struct {
		rows [][]int32
		want []int
	}{
		"equal rows":       {times(20, 128), []int{2048, 512}},
		"exactly full":     {times(2, 1024), []int{2048}},
		"one too many":     {times(2, 1025), []int{1025, 1025}},
		"longest first":    {slices.Concat(times(1, 1792), times(400, 5)), []int{1792, 2000}},
		"longest last":     {slices.Concat(times(3, 5), times(1, 700)), []int{15, 700}},
		"longest between":  {slices.Concat(times(1, 5), times(1, 1000), times(2, 5)), []int{2000, 10}},
		"longer than all":  {slices.Concat(times(1, 2100), times(1, 5)), []int{2100, 5}},
		"one row of a few": {times(1, 3), []int{3}},
	} {
		m := measure(t, c.rows)
		if !slices.Equal(m.passes, c.want) {
			t.Errorf("%s: passes over %v positions, want %v", name, m.passes, c.want)
		}
	}
}

// What a row contributes does not depend on the rows beside it: its own length divides.
func TestChunkNLL(t *testing.T) {
	rows := [][]int32{row(40, 1), row(3, 2), row(1, 3), row(17, 4), row(2, 5)}
	all := measure(t, rows)
	if all.Tokens != 39+2+16+1 || all.Rows != 5 || len(all.ChunkNLL) != 5 {
		t.Fatalf("%d tokens, %d rows, %d chunks", all.Tokens, all.Rows, len(all.ChunkNLL))
	}
	var sum float64
	for i, r := range rows {
		sum += all.ChunkNLL[i] * float64(len(r)-1)
		if len(r) < 2 {
			continue
		}
		if alone := measure(t, rows[i:i+1]); math.Abs(alone.MeanNLL-all.ChunkNLL[i]) > 1e-6 {
			t.Errorf("row %d has %g, alone %g", i, all.ChunkNLL[i], alone.MeanNLL)
		}
	}
	if want := all.MeanNLL * float64(all.Tokens); math.Abs(sum-want) > 1e-9*want {
		t.Errorf("the rows sum to %g, all have %g", sum, want)
	}
	if math.Abs(math.Log(all.Perplexity)-all.MeanNLL) > 1e-12 || !(all.TokensPerSecond > 0) {
		t.Errorf("perplexity %g of a mean of %g, %g tokens/s", all.Perplexity, all.MeanNLL, all.TokensPerSecond)
	}
}

// What each pass gave is handed over, and from there an evaluation goes on to the same result.
func TestChunks(t *testing.T) {
	rows := times(40, 128)
	if m := measure(t, rows); !slices.Equal(m.chunks, []int{16, 16, 8}) {
		t.Errorf("chunks %v", m.chunks)
	}
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	cfg := *g.Config
	cfg.MaxPositions = 4096
	tr, w := transformer.New(be, &cfg), transformer.NewStreamed(be, g.Weights)
	var docs []eval.Document
	for _, r := range rows[:5] {
		docs = append(docs, eval.Document{Windows: eval.Windows(r, 0, 60), Words: 7, Bytes: 50})
	}
	stop := errors.New("stop")
	for name, run := range map[string]func(known []eval.Chunk, emit func([]eval.Chunk) error) (eval.Result, error){
		"rows": func(known []eval.Chunk, emit func([]eval.Chunk) error) (eval.Result, error) {
			return eval.Perplexity(t.Context(), tr, w, rows, known, emit)
		},
		"documents": func(known []eval.Chunk, emit func([]eval.Chunk) error) (eval.Result, error) {
			return eval.DocumentPerplexity(t.Context(), tr, w, docs, known, emit)
		},
	} {
		whole, err := run(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var known []eval.Chunk
		for passes := range 3 {
			_, err := run(known, func(more []eval.Chunk) error {
				known = append(known, more...)
				return stop
			})
			if !errors.Is(err, stop) {
				t.Fatalf("%s, pass %d: %v", name, passes, err)
			}
		}
		fresh := 0
		got, err := run(known, func(more []eval.Chunk) error { fresh += len(more); return nil })
		got.TokensPerSecond, whole.TokensPerSecond = 0, 0
		if err != nil || !reflect.DeepEqual(got, whole) || fresh != whole.Rows-len(known) {
			t.Errorf("%s, continued: %+v of %d fresh chunks, want %+v; %v", name, got, fresh, whole, err)
		}
	}
}

// The rate is of all tokens that go through the model, the first of each row as well.
func TestRate(t *testing.T) {
	start := time.Now()
	m := measure(t, times(600, 2))
	if least := 1200 / time.Since(start).Seconds(); m.TokensPerSecond < least {
		t.Errorf("%g tokens/s, all 1200 took no longer than makes %g", m.TokensPerSecond, least)
	}
}

// Nothing to predict is an error, not a perplexity of 1; so are weights that are not finite.
func TestNoPerplexity(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	tr, w := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights)
	for _, rows := range [][][]int32{nil, {{1}, {2}}} {
		if _, err := eval.Perplexity(context.Background(), tr, w, rows, nil, nil); err == nil {
			t.Errorf("%v has a perplexity", rows)
		}
	}
	if _, err := eval.Perplexity(context.Background(), tr, &spoilt{w, be}, [][]int32{{1, 2, 3}}, nil, nil); err == nil {
		t.Error("NaN is a perplexity")
	}
}

// spoilt gives a final norm of NaN.
type spoilt struct {
	transformer.WeightSource
	be backend.Backend
}

func (s *spoilt) Weight(p model.Param) (backend.Buffer, error) {
	if p.Role != model.FinalNorm {
		return s.WeightSource.Weight(p)
	}
	w := s.be.New(p.Len())
	s.be.Upload(w, func(part []float32, _ int) {
		for i := range part {
			part[i] = float32(math.NaN())
		}
	})
	return w, nil
}
