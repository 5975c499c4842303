package generate

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// Random begins rows with a random token instead of a given one.
const Random = -1

// RowOptions say which texts of a model's own are drawn.
type RowOptions struct {
	Tokens int    // a row
	First  int32  // token of every row, or Random: uniform over the vocabulary
	Seed   uint64 // of all rows; each has draws of its own
	Group  int    // rows that are drawn at once, rounded up to a multiple of 16
}

// Rows draws rows [lo, hi) of a model's own texts (data-free calibration: Liu et al., LLM-QAT, arXiv
// 2305.17888): each token from softmax(logits) behind those before it, what ends a text followed by
// what the model makes of that. A row depends on the model, Tokens, First, Seed and its number, not
// on which others are drawn or on threads. emit is called with the rows of each group, and step after
// every token of one.
func Rows(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, lo, hi int, o RowOptions, step func(), emit func(rows [][]int32) error) error {
	for ; lo < hi; lo += o.Group {
		n := min(o.Group, hi-lo)
		rows, err := o.group(ctx, tr, w, lo, n, step)
		if err == nil {
			err = emit(rows[:n])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RowBytes is the memory of drawing rows of a model whose weights are as ck stores them: the session's,
// and the logits of a group here and on the host.
func RowBytes(cfg *model.Config, ck checkpoint.Checkpoint, o RowOptions) int64 {
	n, V := filled(o.Group), int64(cfg.VocabSize)
	return transformer.GenerationBytes(cfg, ck, n, 1, o.Tokens-1) + 4*int64(n)*V + 8*V*int64(runtime.GOMAXPROCS(0))
}

// alike is what the rows of a group are a multiple of: backends may compute few rows in another
// order than many.
const alike = 16

func filled(n int) int { return (n + alike - 1) / alike * alike }

// group draws n rows from lo on, and those that fill the group up.
func (o RowOptions) group(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, lo, n int, step func()) ([][]int32, error) {
	n = filled(n)
	V := tr.Config().VocabSize
	rows, random, logits := make([][]int32, n), make([]*rand.Rand, n), make([]float32, n*V)
	for i := range rows {
		random[i] = rand.New(rand.NewPCG(o.Seed, uint64(lo+i)))
		first := o.First
		if first == Random {
			first = random[i].Int32N(int32(V))
		}
		rows[i] = append(make([]int32, 0, o.Tokens), first)
	}
	s := tr.NewSessions(w, n, o.Tokens)
	defer s.Close()
	for at := range o.Tokens - 1 {
		last := make([][]int32, n)
		for i, row := range rows {
			last[i] = row[at:]
		}
		if err := s.AppendEach(ctx, last, logits); err != nil {
			return nil, err
		}
		if err := drawEach(rows, logits, random); err != nil {
			return nil, err
		}
		step()
	}
	return rows, nil
}

// drawEach adds to each row a token drawn from its logits [V].
func drawEach(rows [][]int32, logits []float32, random []*rand.Rand) error {
	V, workers := len(logits)/len(rows), runtime.GOMAXPROCS(0)
	failed := make([]error, len(rows))
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			weights := make([]float64, V)
			for i := worker; i < len(rows); i += workers {
				of := logits[i*V : (i+1)*V]
				if failed[i] = finite(of); failed[i] == nil {
					rows[i] = append(rows[i], draw(weights, of, random[i]))
				}
			}
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// draw draws from softmax(logits); weights is as long, and filled on the way.
func draw(weights []float64, logits []float32, random *rand.Rand) int32 {
	top, sum := float64(slices.Max(logits)), 0.0
	for i, v := range logits {
		weights[i] = math.Exp(float64(v) - top)
		sum += weights[i]
	}
	at := random.Float64() * sum
	for i, p := range weights {
		if at -= p; at < 0 {
			return int32(i)
		}
	}
	return int32(len(logits) - 1)
}
