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
	"regexp"
	"slices"
	"strconv"
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

func openHF(dir string, weights bool) (*Model, error) {
	file := filepath.Join(dir, "config.json")
	data, err := readConfig(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: the folder has no config.json; give a Hugging Face model folder", dir, ErrModel)
	}
	if err != nil {
		return nil, err
	}
	m := &Model{Path: dir, Format: HF, Vocab: func() (*tokenizer.Vocab, error) { return tokenizer.FromHF(dir) }}
	if err := json.Unmarshal(data, &m.Raw); err != nil {
		return nil, fmt.Errorf("%s: %w: not a JSON object (%w)", file, ErrModel, err)
	}
	raw, part, err := model.TextPart(m.Raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file, ErrModel, err)
	}
	m.Raw = raw
	if m.Config, err = model.FromHF(data); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file, ErrModel, err)
	}
	if !weights {
		m.Weights, m.Bare = Promised(m.Config, storedType(m.Raw)), true
		return m, nil
	}
	files, err := checkpoint.OpenSafetensors(dir)
	if err != nil {
		return nil, err
	}
	if m.Weights, m.LeftOut, err = weightsOf(m.Config, files, part); err != nil {
		files.Close()
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrModel, err)
	}
	return m, nil
}

// maxConfig is the largest config.json, in bytes; those known are smaller by far.
const maxConfig = 16 << 20

// readConfig reads a plain file: a pipe or device would block or never end.
func readConfig(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w: this is no regular file", file, ErrModel)
	case info.Size() > maxConfig:
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d are read", file, ErrModel, info.Size(), maxConfig)
	}
	return os.ReadFile(file)
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

// weightsOf is the weights of a folder, which may be the text part of what is there; then
// leftOut is how many tensors are not.
func weightsOf(cfg *model.Config, files checkpoint.Checkpoint, part bool) (w checkpoint.Checkpoint, leftOut int, err error) {
	w = files
	if part {
		if w, leftOut, err = textPart(files); err != nil {
			return nil, 0, err
		}
	}
	if w, err = checked(cfg, w); err == nil && cfg.Family.PairsInFolders() {
		w, err = unpaired(cfg, w)
	}
	return w, leftOut, err
}

// unpaired undoes the row order of q and k of a family that rotates neighbours.
func unpaired(cfg *model.Config, files checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
	names := map[string]checkpoint.Entry{}
	for _, p := range cfg.Params() {
		e := checkpoint.Entry{Name: p.Name}
		if heads := cfg.RotatedHeads(p); heads > 0 {
			e.Rows = checkpoint.RopeUnpermute(heads, cfg.HeadDim)
		}
		names[p.Name] = e
	}
	return checkpoint.Rename(files, names)
}

// checked compares the tensors of a folder with the configuration, and gives
// each parameter its own.
func checked(cfg *model.Config, files checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
	infos := byName(files)
	for _, s := range cfg.Stored() {
		if _, ok := infos[s.Name]; !ok {
			return nil, fmt.Errorf("tensor %s is missing; the folder is not complete, download it again", s.Name)
		}
	}
	if err := onlyItsLayers(cfg, files.Tensors()); err != nil {
		return nil, err
	}
	if err := sameShapes(cfg, func(s model.Stored) checkpoint.Info { return infos[s.Name] }); err != nil {
		return nil, err
	}
	return split(cfg, files)
}

func byName(c checkpoint.Checkpoint) map[string]checkpoint.Info {
	infos := map[string]checkpoint.Info{}
	for _, i := range c.Tensors() {
		infos[i.Name] = i
	}
	return infos
}

var layerOf = regexp.MustCompile(`^model\.layers\.(\d+)\.`)

// onlyItsLayers refuses weights of more layers than the configuration says, which
// would be another model. What else the configuration does not know is left out, as in
// transformers.
func onlyItsLayers(cfg *model.Config, infos []checkpoint.Info) error {
	for _, i := range infos {
		if m := layerOf.FindStringSubmatch(i.Name); m != nil {
			if l, err := strconv.Atoi(m[1]); err != nil || l >= len(cfg.Layers) {
				return fmt.Errorf("tensor %.200s is of a layer that the configuration does not have, it says %d layers; the two do not belong together", i.Name, len(cfg.Layers))
			}
		}
	}
	return nil
}

func sameShapes(cfg *model.Config, info func(model.Stored) checkpoint.Info) error {
	for _, s := range cfg.Stored() {
		i := info(s)
		if !slices.Equal(i.Shape, s.Shape()) {
			return fmt.Errorf("tensor %s has shape %v, the configuration says %v; the two do not belong together", i.Name, i.Shape, s.Shape())
		}
		if !i.DType.Float() && !i.DType.Quantized() {
			return fmt.Errorf("tensor %s has type %s, want floating point; convert it to BF16, F16 or F32", i.Name, i.DType)
		}
	}
	return nil
}

// split gives each parameter of a fused tensor a tensor of its own: its rows.
func split(cfg *model.Config, files checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
	if !cfg.Family.Fuses() {
		return files, nil
	}
	parts := map[string]checkpoint.Part{}
	for _, s := range cfg.Stored() {
		first := 0
		for _, p := range s.Params {
			rows := p.Axes[0].Size()
			parts[p.Name] = checkpoint.Part{Name: s.Name, First: first, Rows: rows}
			first += rows
		}
	}
	return checkpoint.Split(files, parts)
}
