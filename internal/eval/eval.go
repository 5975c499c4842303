// Package eval measures what a model lost: perplexity over token windows.
package eval

import (
	"context"
	"errors"
	"math"
	"slices"
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

// Chunk is what was measured of a row or a document.
type Chunk struct {
	NLL    float64 `json:"nll"`    // -log p, summed over its predicted tokens, in nats
	Tokens int     `json:"tokens"` // that are predicted
}

// Perplexity runs rows through the model, each a sequence of its own, and
// averages the next-token cross-entropy over all predicted tokens. known are the
// chunks of the first rows, from an evaluation that was interrupted; emit, if not
// nil, is handed those of each pass.
func Perplexity(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, rows [][]int32, known []Chunk, emit func(more []Chunk) error) (Result, error) {
	m := newMeter(known, emit)
	for lo := len(known); lo < len(rows); {
		hi := lo + together(rows[lo:])
		b, err := transformer.NewBatch(rows[lo:hi])
		if err != nil {
			return Result{}, err
		}
		nll, err := tr.NLL(ctx, b, w)
		if err != nil {
			return Result{}, err
		}
		var more []Chunk
		for i := range b.B {
			more = append(more, Chunk{total(nll[i*b.T : (i+1)*b.T]), len(rows[lo+i]) - 1})
		}
		if err := m.add(more...); err != nil {
			return Result{}, err
		}
		lo = hi
	}
	return m.result()
}

// meter gathers chunks.
type meter struct {
	chunks []Chunk
	known  int // of them are from before
	emit   func(more []Chunk) error
	start  time.Time
}

func newMeter(known []Chunk, emit func(more []Chunk) error) *meter {
	return &meter{slices.Clone(known), len(known), emit, time.Now()}
}

func (m *meter) add(more ...Chunk) error {
	m.chunks = append(m.chunks, more...)
	if m.emit == nil {
		return nil
	}
	return m.emit(more)
}

// result computes the figures of all chunks; the rate is of those that were measured now.
func (m *meter) result() (Result, error) {
	r := Result{Rows: len(m.chunks)}
	var sums, tokens []float64
	now := 0
	for i, c := range m.chunks {
		r.ChunkNLL = append(r.ChunkNLL, c.NLL/float64(max(1, c.Tokens)))
		sums, tokens = append(sums, c.NLL), append(tokens, float64(c.Tokens))
		r.Tokens += c.Tokens
		if i >= m.known {
			now += c.Tokens + 1
		}
	}
	if r.Tokens == 0 {
		return r, errors.New("no token to predict: rows need at least two tokens, documents one")
	}
	r.MeanNLL = total(sums) / float64(r.Tokens)
	r.Perplexity = math.Exp(r.MeanNLL)
	if err := transformer.Finite("the perplexity", r.Perplexity); err != nil {
		return r, err
	}
	r.Stderr = r.Perplexity * ratioError(sums, tokens)
	r.TokensPerSecond = float64(now) / time.Since(m.start).Seconds()
	return r, nil
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
