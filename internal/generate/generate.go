// Package generate continues a sequence of tokens.
package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"moreau/internal/sample"
	"moreau/internal/transformer"
)

// ErrPrompt marks a prompt that cannot be continued.
var ErrPrompt = errors.New("prompt")

// Options of a continuation.
type Options struct {
	Tokens int // at most so many new ones
	sample.Options
}

// Tokens continues prompt until one of the tokens ends, o.Tokens, or until emit, which is
// called with each new token, wants no more. It returns how many there were.
func Tokens(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, prompt []int32, ends []int, o Options, emit func(id int) (more bool)) (int, error) {
	if len(prompt) == 0 {
		return 0, fmt.Errorf("%w: it has no tokens; give some text", ErrPrompt)
	}
	most := tr.Config().MaxPositions
	if len(prompt) >= most {
		return 0, fmt.Errorf("%w: it has %d tokens, the model's context is %d; shorten it", ErrPrompt, len(prompt), most)
	}
	room := min(o.Tokens, most-len(prompt))
	s := tr.NewSession(w, len(prompt)+room)
	defer s.Close()
	sampler := sample.New(o.Options)
	next := prompt
	for n := range room {
		logits, err := s.Append(ctx, next)
		if err != nil {
			return n, err
		}
		if err := finite(logits); err != nil {
			return n, err
		}
		id := sampler.Pick(logits)
		if slices.Contains(ends, id) {
			return n, nil
		}
		if !emit(id) {
			return n + 1, nil
		}
		next = []int32{int32(id)}
	}
	return room, nil
}

// finite looks at the sum: one NaN or infinity makes it one.
func finite(logits []float32) error {
	var sum float64
	for _, v := range logits {
		sum += float64(v)
	}
	return transformer.Finite("the sum of the logits", sum)
}
