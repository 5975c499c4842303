package refit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moreau/internal/output"
	"moreau/internal/tensor"
)

// Store keeps refitted projections, a file each, until the model is written; the same refit
// goes on from it.
type Store struct {
	dir   string
	key   string
	sites map[string]Site // of what is there, by parameter
}

// storedHead is the first line of a file; the tensor's bytes follow.
type storedHead struct {
	Format string       `json:"format"`
	Key    string       `json:"key"`
	Site   Site         `json:"site"`
	DType  tensor.DType `json:"dtype"`
	Shape  []int        `json:"shape"`
}

const storeFormat = "moreau-refit 1"

// OpenStore opens the store in folder dir, which need not be there, of the refit that key
// identifies. Files of another refit count for nothing.
func OpenStore(dir, key string) (*Store, error) {
	s := &Store{dir: dir, key: key, sites: map[string]Site{}}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		head, _, err := readStored(path)
		if err == nil && head.Key == key && path == s.path(head.Site.Param) {
			s.sites[head.Site.Param] = head.Site
		}
	}
	return s, nil
}

// Remove deletes the store.
func (s *Store) Remove() error { return os.RemoveAll(s.dir) }

func (s *Store) path(param string) string { return filepath.Join(s.dir, param) }

// has says whether all of these are there.
func (s *Store) has(ps []Projection) bool {
	for _, p := range ps {
		if _, ok := s.sites[p.gives.Name]; !ok {
			return false
		}
	}
	return true
}

// put keeps a projection.
func (s *Store) put(site Site, t tensor.Tensor) error {
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return &output.Error{Path: s.dir, Err: err}
	}
	head, err := json.Marshal(storedHead{storeFormat, s.key, site, t.DType, t.Shape})
	if err != nil {
		return err
	}
	err = output.File(s.path(site.Param), true, func(w io.Writer) error {
		if _, err := w.Write(append(head, '\n')); err != nil {
			return err
		}
		_, err := w.Write(t.Data)
		return err
	})
	if err == nil {
		s.sites[site.Param] = site
	}
	return err
}

// read gives a projection.
func (s *Store) read(param string) (tensor.Tensor, error) {
	head, data, err := readStored(s.path(param))
	return tensor.Tensor{DType: head.DType, Shape: head.Shape, Data: data}, err
}

// readStored reads a file and checks that it is whole.
func readStored(path string) (h storedHead, data []byte, err error) {
	all, err := os.ReadFile(path)
	if err != nil {
		return h, nil, err
	}
	r := bufio.NewReader(bytes.NewReader(all))
	line, err := r.ReadBytes('\n')
	if err != nil {
		return h, nil, fmt.Errorf("%s: not a refitted projection", path)
	}
	if err := json.Unmarshal(line, &h); err != nil || h.Format != storeFormat {
		return h, nil, fmt.Errorf("%s: not a refitted projection", path)
	}
	data = all[len(line):]
	if n, err := h.DType.Bytes(h.Shape); err != nil || n != len(data) {
		return h, nil, fmt.Errorf("%s: a refitted projection that is cut short", path)
	}
	return h, data, nil
}
