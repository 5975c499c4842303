// Package generate continues a sequence of tokens.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"moreau/internal/transformer"
)

// ErrPrompt marks a prompt that cannot be continued.
var ErrPrompt = errors.New("prompt")

// Options of a continuation.
type Options struct {
	Tokens      int     // at most so many new ones
	Temperature float64 // 0: always the most likely token
	Seed        uint64
}

// Tokens continues prompt until the token eos (-1: none) or o.Tokens, calling
// emit with each new token. It returns how many there were.
func Tokens(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, prompt []int32, eos int, o Options, emit func(id int)) (int, error) {
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
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	next := prompt
	for n := range room {
		logits, err := s.Append(ctx, next)
		if err != nil {
			return n, err
		}
		if err := finite(logits); err != nil {
			return n, err
		}
		id := pick(logits, o.Temperature, rng)
		if id == eos {
			return n, nil
		}
		emit(id)
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

// pick draws from softmax(logits/temperature), or takes the maximum at 0.
func pick(logits []float32, temperature float64, rng *rand.Rand) int {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	if temperature <= 0 {
		return best
	}
	weights := make([]float64, len(logits))
	var sum float64
	for i, v := range logits {
		weights[i] = math.Exp(float64(v-logits[best]) / temperature)
		sum += weights[i]
	}
	at := rng.Float64() * sum
	for i, p := range weights {
		if at -= p; at < 0 {
			return i
		}
	}
	return best
}
