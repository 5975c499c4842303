package generate

import (
	"context"
	"fmt"
	"slices"

	"moreau/internal/sample"
	"moreau/internal/transformer"
)

// Generator continues prompts of one model, one after the other. What a prompt has at its
// beginning of what came before, as in a conversation, is not computed again.
type Generator struct {
	tr       *transformer.Transformer
	w        transformer.WeightSource
	session  *transformer.Session // nil: none yet
	capacity int                  // of it
	seen     []int32              // by it
	kept     int
}

// Kept is how many tokens of the last prompt had been seen before.
func (g *Generator) Kept() int { return g.kept }

// New has seen nothing.
func New(tr *transformer.Transformer, w transformer.WeightSource) *Generator {
	return &Generator{tr: tr, w: w}
}

// Close frees what was kept.
func (g *Generator) Close() {
	if g.session != nil {
		g.session.Close()
	}
	g.session, g.seen = nil, nil
}

// Tokens continues prompt until one of the tokens ends, o.Tokens, or until emit, which is
// called with each new token, wants no more. It returns how many there were.
func (g *Generator) Tokens(ctx context.Context, prompt []int32, ends []int, o Options, emit func(id int) (more bool)) (int, error) {
	if len(prompt) == 0 {
		return 0, fmt.Errorf("%w: it has no tokens; give some text", ErrPrompt)
	}
	most := g.tr.Config().MaxPositions
	if len(prompt) >= most {
		return 0, fmt.Errorf("%w: it has %d tokens, the model's context is %d; shorten it", ErrPrompt, len(prompt), most)
	}
	room := min(o.Tokens, most-len(prompt))
	sampler := sample.New(o.Options)
	g.kept = g.begin(prompt, len(prompt)+room)
	next := prompt[g.kept:]
	for n := range room {
		logits, err := g.append(ctx, next)
		if err != nil {
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

// begin makes the session ready for a prompt in a sequence of so many tokens, and says how many of
// the prompt's it has seen; the last one always has to be seen again, for its logits.
func (g *Generator) begin(prompt []int32, tokens int) (kept int) {
	if g.session == nil || tokens > g.capacity || !g.turnsAlike(tokens, g.capacity) {
		g.renew(tokens)
		return 0
	}
	for kept < min(len(g.seen), len(prompt)-1) && g.seen[kept] == prompt[kept] {
		kept++
	}
	g.session.Keep(kept)
	g.seen = g.seen[:kept]
	return kept
}

// renew begins a session: the first has room for its tokens alone, one after others for twice as many,
// so that a conversation does not outgrow it at every turn.
func (g *Generator) renew(tokens int) {
	capacity := tokens
	if more := min(2*tokens, g.tr.Config().MaxPositions); g.session != nil && g.turnsAlike(tokens, more) {
		capacity = more
	}
	g.Close()
	g.session, g.capacity = g.tr.NewSession(g.w, capacity), capacity
}

// turnsAlike says whether RoPE is the same in sequences of a and b tokens; under some scalings it
// depends on the length.
func (g *Generator) turnsAlike(a, b int) bool {
	cfg := g.tr.Config()
	return cfg.Rope.FreqLength(a) == cfg.Rope.FreqLength(b) && cfg.LocalRope.FreqLength(a) == cfg.LocalRope.FreqLength(b)
}

func (g *Generator) append(ctx context.Context, ids []int32) ([]float32, error) {
	logits, err := g.session.Append(ctx, ids)
	if err != nil {
		return nil, err
	}
	g.seen = append(g.seen, ids...)
	return logits, finite(logits)
}
