// Package tokenizer turns text into token ids and back, behind one interface, for the two kinds
// of vocabulary that Llama-family models use: SentencePiece BPE by score ("llama" in GGUF) and
// byte-level BPE by merge rank ("gpt2"). A Vocab is the whole of what a file stores; it comes
// from GGUF metadata, a Hugging Face folder, a SentencePiece model, a tiktoken list or a llama2.c
// file, and goes to GGUF metadata or Hugging Face files.
package tokenizer

import (
	"errors"
	"fmt"
)

// ErrCorrupt is in the chain of every error about a vocabulary that contradicts itself or its format.
var ErrCorrupt = errors.New("corrupt tokenizer")

// ErrUnsupported is in the chain of every error about a vocabulary that is well formed but of a
// kind whose ids this package could not reproduce exactly.
var ErrUnsupported = errors.New("unsupported tokenizer")

// ErrNone is in the chain of the error about a model that comes without a tokenizer.
var ErrNone = errors.New("no tokenizer")

// Tokenizer turns text into ids and back. Implementations are safe for concurrent use.
type Tokenizer interface {
	// Encode gives the ids of the text, at most 2 GiB of it, without BOS or EOS. Control,
	// unknown and user-defined tokens that occur literally in the text become their own ids,
	// leftmost first and longest first (llama.cpp's parse_special, HF's added tokens).
	Encode(text string) []int
	// Decode gives the bytes of the ids, so that Decode(a+b) = Decode(a) + Decode(b): a string
	// cut inside a character is not valid UTF-8, and the blank that Vocab.AddSpacePrefix put
	// before the text is still there. Ids outside the vocabulary give nothing.
	Decode(ids []int) string
	// Vocab gives the vocabulary the tokenizer was made from; it must not be changed.
	Vocab() *Vocab
}

// New makes the tokenizer that v.Model and v.Pre name. The error chain holds ErrUnsupported for
// an unknown model or pre-tokenizer, ErrCorrupt for a vocabulary that contradicts itself.
func New(v *Vocab) (Tokenizer, error) {
	if err := v.validate(); err != nil {
		return nil, err
	}
	switch v.Model {
	case "llama":
		return newSPM(v)
	case "gpt2":
		return newBPE(v)
	}
	return nil, fmt.Errorf("%w: model %q (known: llama, gpt2)", ErrUnsupported, v.Model)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}
