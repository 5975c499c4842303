package eval

import (
	"fmt"
	"strings"
	"unicode"

	"moreau/internal/task"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// Encoding is how requests become token ids: as lm-evaluation-harness does it.
type Encoding struct {
	Tokenizer tokenizer.Tokenizer
	BOS       bool // whether every context begins with the tokenizer's BOS
	MaxLength int  // tokens that the model reads at most
}

// Request encodes context and continuation together and takes as continuation what follows as
// many tokens as the context alone has (the harness's _encode_pair): outer blanks of the
// context's end belong to the continuation. Where there are more than MaxLength tokens before the last
// the first ones are cut off; cut says how many.
func (e Encoding) Request(r task.Request) (text transformer.Text, cut int, err error) {
	context := strings.TrimRightFunc(r.Context, unicode.IsSpace)
	continuation := r.Context[len(context):] + r.Continuation
	before, err := e.context(context)
	if err != nil {
		return text, 0, err
	}
	whole := e.with(context + continuation)
	if context == "" {
		whole = append(before, e.Tokenizer.Encode(continuation)...)
	}
	after := whole[min(len(before), len(whole)):]
	switch {
	case len(after) == 0:
		return text, 0, fmt.Errorf("the choice %.60q has no tokens of its own", r.Continuation)
	case len(after) > e.MaxLength:
		return text, 0, fmt.Errorf("the choice %.60q has %d tokens, the model reads %d at most", r.Continuation, len(after), e.MaxLength)
	}
	ids := make([]int32, 0, len(before)+len(after))
	for _, part := range [][]int{before, after} {
		for _, id := range part {
			ids = append(ids, int32(id))
		}
	}
	cut = max(0, len(ids)-1-e.MaxLength)
	return transformer.Text{IDs: ids[cut:], From: len(before) - cut}, cut, nil
}

// context is the ids of a context without outer blanks at its end; an empty one becomes BOS, or else EOS.
func (e Encoding) context(context string) ([]int, error) {
	if context != "" {
		return e.with(context), nil
	}
	v := e.Tokenizer.Vocab()
	for _, id := range []int{v.BOS, v.EOS} {
		if id >= 0 {
			return []int{id}, nil
		}
	}
	return nil, fmt.Errorf("an empty context: the tokenizer has neither BOS nor EOS to stand for it")
}

// with is the ids of a text, behind BOS if that is asked for.
func (e Encoding) with(text string) []int {
	if e.BOS {
		return tokenizer.EncodeBOS(e.Tokenizer, text)
	}
	return e.Tokenizer.Encode(text)
}
