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

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
)

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
	files, err := headAlone(cfg, files)
	if err != nil {
		return nil, err
	}
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
	return unfuse(cfg, files)
}

// headAlone gives the embedding its name where a model of which it is the head too has it under the head's alone, as
// transformers 4.41 wrote some.
func headAlone(cfg *model.Config, files checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
	const head = "lm_head.weight"
	embedding, names := cfg.HeadParam().Name, map[string]checkpoint.Entry{}
	for _, i := range files.Tensors() {
		names[i.Name] = checkpoint.Entry{Name: i.Name}
	}
	_, whole := names[embedding]
	if _, there := names[head]; whole || !there || !cfg.Tied {
		return files, nil
	}
	delete(names, head)
	names[embedding] = checkpoint.Entry{Name: head}
	return checkpoint.Rename(files, names)
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

// unfuse gives each parameter of a fused tensor a tensor of its own: its rows.
func unfuse(cfg *model.Config, files checkpoint.Checkpoint) (checkpoint.Checkpoint, error) {
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
