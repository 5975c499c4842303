// Package load opens a model, whatever holds it: a Hugging Face folder, a GGUF
// file, or a model built into the program. The result has Hugging Face names
// and layout, so that nothing else needs to know where it came from.
package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
)

// ErrModel marks a folder or file that is no model this program can use.
var ErrModel = errors.New("unusable model")

// Format is the container a model came in.
type Format string

const (
	HF   Format = "hf"
	GGUF Format = "gguf"
)

// Model is an opened model. Weights are read when asked for.
type Model struct {
	Path    string
	Format  Format
	Config  *model.Config
	Weights checkpoint.Checkpoint            // Hugging Face names and layout
	Bare    bool                             // only the configuration was opened: Weights tells names and shapes, and the type config.json says
	Raw     map[string]json.RawMessage       // config.json, for HF; of a model that sees pictures too, that of its text part
	LeftOut int                              // tensors of such a model that are no part of the text model
	Vocab   func() (*tokenizer.Vocab, error) // read when asked for: many uses need no tokenizer
}

// Close closes the files.
func (m *Model) Close() error { return m.Weights.Close() }

// Tokenizer makes the model's tokenizer.
func (m *Model) Tokenizer() (tokenizer.Tokenizer, error) {
	v, err := m.Vocab()
	if err != nil {
		return nil, err
	}
	if len(v.Tokens) > m.Config.VocabSize {
		return nil, fmt.Errorf("%s: %w: the tokenizer has %d tokens, the embedding only %d rows", m.Path, ErrModel, len(v.Tokens), m.Config.VocabSize)
	}
	t, err := tokenizer.New(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	return t, nil
}

// Open opens a model and checks that every parameter is there in its shape.
func Open(path string) (*Model, error) {
	return open(path, true)
}

// OpenConfig opens a model for its sizes alone; a folder may hold just config.json.
func OpenConfig(path string) (*Model, error) { return open(path, false) }

func open(path string, weights bool) (*Model, error) {
	if name, ok := strings.CutPrefix(path, builtinPrefix); ok {
		return openBuiltin(name)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return openHF(path, weights)
	case strings.EqualFold(filepath.Ext(path), ".gguf"):
		return openGGUF(path)
	case filepath.Base(path) == "config.json" && !weights:
		return openHF(filepath.Dir(path), false)
	}
	return nil, fmt.Errorf("%s: %w: want a Hugging Face folder or a .gguf file", path, ErrModel)
}

// NotFinite names the first tensor of the model that holds a NaN or an
// infinity, "" when none does. It reads every weight.
func (m *Model) NotFinite() (string, error) {
	for _, p := range m.Config.Params() {
		t, err := m.Weights.Read(p.Name)
		if err != nil {
			return "", err
		}
		for _, v := range t.Float32() {
			if v-v != 0 { // NaN for both
				return p.Name, nil
			}
		}
	}
	return "", nil
}
