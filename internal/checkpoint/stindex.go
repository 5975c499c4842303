package checkpoint

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// openIndex adds the tensors that an index names, from the shards that it names.
func (s *Safetensors) openIndex(path string) error {
	weights, err := readIndex(path)
	if err != nil {
		return err
	}
	shards := map[string]spans{}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		file := weights[name]
		if shards[file] == nil {
			if shards[file], err = s.open(filepath.Join(filepath.Dir(path), file)); err != nil {
				return fmt.Errorf("%s: shard %q: %w", path, file, err)
			}
		}
		sp, ok := shards[file][name]
		if !ok {
			return corruptf(path, "tensor %q is not in its shard %q: download the folder again", name, file)
		}
		s.spans[name] = sp
	}
	return nil
}

// readIndex gives the shard of every tensor.
func readIndex(path string) (map[string]string, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxHeader {
		return nil, corruptf(path, "index of %d bytes, the limit is %d; %s", size, maxHeader, again)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxHeader))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parseIndex(text, path)
}

// parseIndex is readIndex on the text of the file. Shards must lie in the folder of
// the index.
func parseIndex(text []byte, path string) (weights map[string]string, err error) {
	err = parseObject(text, func(d *json.Decoder, key string) (err error) {
		if key == "weight_map" {
			weights, err = parseStrings(d)
			return err
		}
		return d.Decode(new(any))
	})
	if err != nil {
		return nil, corruptf(path, "%v; %s", err, again)
	}
	if len(weights) == 0 {
		return nil, corruptf(path, "there is no weight_map; %s", again)
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		file := weights[name]
		if file == "" || file == "." || strings.Contains(file, "..") || strings.ContainsAny(file, `/\:`) {
			return nil, corruptf(path, "tensor %q is said to be in %q, which is not a file of this folder", name, file)
		}
	}
	return weights, nil
}
