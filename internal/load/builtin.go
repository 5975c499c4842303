package load

import (
	"bytes"
	_ "embed" // the built-in model
	"fmt"

	"moreau/internal/checkpoint"
)

const builtinPrefix = "builtin:"

// Builtin is the name of the model in the program: stories260K by Andrej
// Karpathy (MIT), a Llama of 5 layers trained on TinyStories, as GGUF.
const Builtin = builtinPrefix + "stories260K"

//go:embed stories260K.gguf
var stories []byte

func openBuiltin(name string) (*Model, error) {
	if builtinPrefix+name != Builtin {
		return nil, fmt.Errorf("%s%s: %w: the only built-in model is %s", builtinPrefix, name, ErrModel, Builtin)
	}
	g, err := checkpoint.NewGGUF(bytes.NewReader(stories), int64(len(stories)), Builtin)
	if err != nil {
		return nil, err
	}
	return fromGGUF(Builtin, g)
}
