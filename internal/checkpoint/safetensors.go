package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"moreau/internal/tensor"
)

// Safetensors is a Checkpoint in one safetensors file or several shards.
type Safetensors struct {
	spans
	metadata map[string]string
	files    []io.Closer
}

// OpenSafetensors opens a .safetensors file, or a folder that holds
// model.safetensors or model.safetensors.index.json with its shards. All
// headers are checked before it returns; tensors are read when asked for.
func OpenSafetensors(path string) (*Safetensors, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &Safetensors{spans: spans{}, metadata: map[string]string{}}
	if st.IsDir() {
		err = s.openFolder(path)
	} else {
		err = s.openFile(path)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Metadata is the `__metadata__` of the file (of all shards, later ones win).
func (s *Safetensors) Metadata() map[string]string { return maps.Clone(s.metadata) }

// Close closes the files.
func (s *Safetensors) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// openFolder prefers the single file, as transformers does.
func (s *Safetensors) openFolder(dir string) error {
	single, index := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "model.safetensors.index.json")
	if exists(single) {
		return s.openFile(single)
	}
	if exists(index) {
		return s.openIndex(index)
	}
	return fmt.Errorf("%s: neither model.safetensors nor model.safetensors.index.json is there: give the folder of a Hugging Face model: %w", dir, fs.ErrNotExist)
}

func exists(path string) bool {
	_, err := os.Lstat(path) // a broken link counts: opening it then fails by name
	return err == nil
}

// openFile adds all tensors of a file.
func (s *Safetensors) openFile(path string) error {
	tensors, err := s.open(path)
	maps.Copy(s.spans, tensors)
	return err
}

// open checks a file and keeps it open.
func (s *Safetensors) open(path string) (spans, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	list, metadata, err := parseSafetensors(&source{f, path}, size)
	maps.Copy(s.metadata, metadata)
	tensors := spans{}
	for _, sp := range list {
		tensors[sp.Name] = sp
	}
	return tensors, err
}

// spans finds tensors by name.
type spans map[string]span

// Tensors lists the tensors by name.
func (s spans) Tensors() []Info {
	return sortedInfos(maps.Values(s), func(sp span) Info { return sp.Info })
}

// Read fetches one tensor.
func (s spans) Read(name string) (tensor.Tensor, error) { return s.readInto(name, fresh) }

func (s spans) readInto(name string, alloc func(n int) []byte) (tensor.Tensor, error) {
	sp, ok := s[name]
	if !ok {
		return tensor.Tensor{}, missing(name)
	}
	return sp.read(alloc)
}
