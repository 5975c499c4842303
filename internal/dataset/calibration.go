package dataset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"moreau/internal/tokenizer"
)

// separator stands between documents that are joined.
const separator = "\n\n"

// triesPerRow limits how many documents are looked at, for one row, in search of a long enough one.
const triesPerRow = 20

// bytesPerToken bounds the text encoded for one row, in bytes a token: ten times what English needs.
const bytesPerToken = 40

// Calibration draws rows of seqLen ids at random places, as LLM-Pruner's get_examples does: each
// from another document where enough documents are that long, else all from the documents joined
// by a blank line. The same seed, texts and tokenizer give the same rows. An error when the
// texts are too short says how many tokens there are.
func Calibration(docs []string, tok tokenizer.Tokenizer, rows, seqLen int, seed uint64) (Rows, error) {
	if rows < 1 || seqLen < 2 {
		return nil, fmt.Errorf("calibration: %d rows of %d tokens: at least 1 row of 2 tokens is needed", rows, seqLen)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	out := fromDocuments(docs, tok, rows, seqLen, rng)
	if len(out) == rows {
		return out, nil
	}
	text := strings.Join(docs, separator)
	out = nil
	for range rows {
		row, tokens := window(text, tok, seqLen, rng)
		if row == nil {
			return nil, fmt.Errorf("calibration: the text has %d tokens, one row needs %d: give more text or a shorter sequence length", tokens, seqLen)
		}
		out = append(out, row)
	}
	return out, nil
}

// fromDocuments draws one row from each of several documents in random order, fewer than wanted
// where too few are long enough.
func fromDocuments(docs []string, tok tokenizer.Tokenizer, rows, seqLen int, rng *rand.Rand) Rows {
	var out Rows
	tries := rows * triesPerRow
	for _, i := range rng.Perm(len(docs)) {
		if len(out) == rows || tries == 0 {
			break
		}
		if len(docs[i]) < seqLen {
			continue // a token has at least one byte, but for the blank before the text
		}
		tries--
		if row, _ := window(docs[i], tok, seqLen, rng); row != nil {
			out = append(out, row)
		}
	}
	return out
}

// window encodes a stretch of the text, all of a short one, and draws seqLen ids from it; where
// there are too few it gives nil and how many there are.
func window(text string, tok tokenizer.Tokenizer, seqLen int, rng *rand.Rand) ([]int32, int) {
	if limit := bytesPerToken * seqLen; len(text) > limit {
		from := wordStart(text, rng.IntN(len(text)-limit+1))
		text = text[from:min(from+limit, len(text))]
	}
	ids := tok.Encode(text)
	if len(ids) < seqLen {
		return nil, len(ids)
	}
	return IDs(ids[rng.IntN(len(ids)-seqLen+1):][:seqLen]), len(ids)
}

// wordStart moves forward to the blank before a word, at most 100 bytes, then to a whole character.
func wordStart(text string, from int) int {
	if from == 0 {
		return 0
	}
	if i := strings.IndexByte(text[from:min(from+100, len(text))], ' '); i >= 0 {
		return from + i
	}
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return from
}

// IDs are ids in the type of rows.
func IDs(ids []int) []int32 {
	row := make([]int32, len(ids))
	for i, id := range ids {
		row[i] = int32(id)
	}
	return row
}
