// Package eval measures what a model lost: perplexity over token windows.
package eval

import (
	"context"
	"fmt"
	"math"
	"time"

	"moreau/internal/transformer"
)

// Result is the perplexity of one text.
type Result struct {
	Perplexity      float64   `json:"perplexity"` // exp of the mean over all predicted tokens
	Stderr          float64   `json:"stderr"`     // of Perplexity, over chunks
	MeanNLL         float64   `json:"mean_nll"`   // nats per token
	Tokens          int       `json:"predicted_tokens"`
	Rows            int       `json:"rows"`
	ChunkNLL        []float64 `json:"chunk_mean_nll"`
	TokensPerSecond float64   `json:"tokens_per_second"`
	Rolling         *Rolling  `json:"rolling,omitempty"` // of documents read whole
}

// passTokens is how many positions go through the model at once.
const passTokens = 2048

// Perplexity runs rows through the model, each a sequence of its own, and
// averages the next-token cross-entropy over all predicted tokens. progress,
// if not nil, hears of rows done.
func Perplexity(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, rows [][]int32, progress func(done int)) (Result, error) {
	r := Result{Rows: len(rows)}
	start := time.Now()
	var sums, tokens []float64
	for lo := 0; lo < len(rows); {
		hi := lo + together(rows[lo:])
		b, err := transformer.NewBatch(rows[lo:hi])
		if err != nil {
			return r, err
		}
		nll, err := tr.NLL(ctx, b, w)
		if err != nil {
			return r, err
		}
		for i := range b.B {
			s := total(nll[i*b.T : (i+1)*b.T])
			n := len(rows[lo+i]) - 1
			r.ChunkNLL = append(r.ChunkNLL, s/float64(max(1, n)))
			sums, tokens = append(sums, s), append(tokens, float64(n))
			r.Tokens += n
		}
		lo = hi
		if progress != nil {
			progress(hi)
		}
	}
	if r.Tokens == 0 {
		return r, fmt.Errorf("no token to predict: rows need at least two tokens")
	}
	return r, r.finish(sums, tokens, start)
}

// finish computes the figures of losses in nats and the tokens that they are of, one a chunk.
func (r *Result) finish(sums, tokens []float64, start time.Time) error {
	r.MeanNLL = total(sums) / float64(r.Tokens)
	r.Perplexity = math.Exp(r.MeanNLL)
	if err := transformer.Finite("the perplexity", r.Perplexity); err != nil {
		return err
	}
	r.Stderr = r.Perplexity * ratioError(sums, tokens)
	r.TokensPerSecond = float64(r.Tokens+r.Rows) / time.Since(start).Seconds()
	return nil
}

// together is how many of the first rows go through the model at once: as many as have
// passTokens positions when all are padded to the longest of them, or a row alone.
func together(rows [][]int32) int {
	longest := 0
	for n, r := range rows {
		longest = max(longest, len(r))
		if n > 0 && (n+1)*longest > passTokens {
			return n
		}
	}
	return len(rows)
}

func total(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s
}
