package eval

import (
	"context"
	"math"

	"moreau/internal/transformer"
)

// Document is a text that is read whole, with the words and bytes of its source.
type Document struct {
	Windows []transformer.Text
	Words   int
	Bytes   int
}

// Rolling is what documents read whole have beside a perplexity a token.
type Rolling struct {
	Words          int     `json:"words"`
	Bytes          int     `json:"bytes"`
	WordPerplexity float64 `json:"word_perplexity"`
	WordStderr     float64 `json:"word_perplexity_stderr"`
	BytePerplexity float64 `json:"byte_perplexity"`
	BitsPerByte    float64 `json:"bits_per_byte"`
}

// Windows reads ids through windows of at most most tokens, each predicted once: the first
// begins with prefix, each other with as much context as there is room for
// (lm-evaluation-harness, get_rolling_token_windows with context_len 1).
func Windows(ids []int32, prefix int32, most int) []transformer.Text {
	var windows []transformer.Text
	all := append([]int32{prefix}, ids...)
	for from := 1; from < len(all); {
		to := min(from+most, len(all))
		first := max(0, to-1-most)
		windows = append(windows, transformer.Text{IDs: all[first:to], From: from - first})
		from = to
	}
	return windows
}

// DocumentPerplexity measures documents, window by window, as Perplexity measures rows; a chunk is a document.
func DocumentPerplexity(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, docs []Document, known []Chunk, emit func(more []Chunk) error) (Result, error) {
	m := newMeter(known, emit)
	for _, d := range docs[len(known):] {
		var c Chunk
		for _, text := range d.Windows {
			p, err := tr.Score(ctx, [][]transformer.Text{{text}}, w)
			if err != nil {
				return Result{}, err
			}
			c.NLL += total(p[0][0].NLL)
			c.Tokens += len(p[0][0].NLL)
		}
		if err := m.add(c); err != nil {
			return Result{}, err
		}
	}
	r, err := m.result()
	if err == nil {
		r.Rolling = rolling(docs, m.chunks)
	}
	return r, err
}

// rolling computes the figures a word and a byte.
func rolling(docs []Document, chunks []Chunk) *Rolling {
	r := &Rolling{}
	var sums, words []float64
	for i, d := range docs {
		sums, words = append(sums, chunks[i].NLL), append(words, float64(d.Words))
		r.Words += d.Words
		r.Bytes += d.Bytes
	}
	sum := total(sums)
	r.WordPerplexity = math.Exp(sum / float64(r.Words))
	r.WordStderr = r.WordPerplexity * ratioError(sums, words)
	r.BitsPerByte = sum / float64(r.Bytes) / math.Ln2
	r.BytePerplexity = math.Exp(sum / float64(r.Bytes))
	return r
}
