package eval

import (
	"context"
	"errors"
	"math"
	"time"

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

// DocumentPerplexity measures documents, window by window; a chunk of the result is a
// document. progress, if not nil, hears of documents done.
func DocumentPerplexity(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, docs []Document, progress func(done int)) (Result, error) {
	r := Result{Rows: len(docs), Rolling: &Rolling{}}
	start := time.Now()
	var sums, tokens, words []float64
	for i, d := range docs {
		var sum float64
		n := 0
		for _, text := range d.Windows {
			p, err := tr.Score(ctx, [][]transformer.Text{{text}}, w)
			if err != nil {
				return r, err
			}
			sum += total(p[0][0].NLL)
			n += len(p[0][0].NLL)
		}
		sums, tokens, words = append(sums, sum), append(tokens, float64(n)), append(words, float64(d.Words))
		r.ChunkNLL = append(r.ChunkNLL, sum/float64(max(1, n)))
		r.Tokens += n
		r.Rolling.Words += d.Words
		r.Rolling.Bytes += d.Bytes
		if progress != nil {
			progress(i + 1)
		}
	}
	if r.Tokens == 0 {
		return r, errors.New("no token to predict: the documents are empty")
	}
	r.Rolling.set(sums, words)
	return r, r.finish(sums, tokens, start)
}

// set computes the figures a word and a byte of losses in nats, one a document.
func (r *Rolling) set(sums, words []float64) {
	sum := total(sums)
	r.WordPerplexity = math.Exp(sum / float64(r.Words))
	r.WordStderr = r.WordPerplexity * ratioError(sums, words)
	r.BitsPerByte = sum / float64(r.Bytes) / math.Ln2
	r.BytePerplexity = math.Exp(sum / float64(r.Bytes))
}
