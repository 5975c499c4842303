// Package generate continues a sequence of tokens.
package generate

import (
	"context"
	"errors"

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

// Tokens continues one prompt (Generator.Tokens).
func Tokens(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, prompt []int32, ends []int, o Options, emit func(id int) (more bool)) (int, error) {
	g := New(tr, w)
	defer g.Close()
	return g.Tokens(ctx, prompt, ends, o, emit)
}

// finite looks at the sum: one NaN or infinity makes it one.
func finite(logits []float32) error {
	var sum float64
	for _, v := range logits {
		sum += float64(v)
	}
	return transformer.Finite("the sum of the logits", sum)
}
