package export

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// The files of a source folder that hold for the pruned model too; a pattern
// matches a path inside the folder.
var (
	tokenizerFiles = []string{"tokenizer.json", "tokenizer.model", "tekken.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
		"vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "additional_chat_templates/*"}
	generationFiles = []string{"generation_config.json"}
	licenseFiles    = []string{"LICENSE*", "NOTICE*", "USE_POLICY*"}
	cardFiles       = []string{"README.md"}
)

// carriedFiles are all files but weights, configuration and code.
func carriedFiles(m Model) ([]File, error) {
	licenses, err := copied(m.Dir, licenseFiles)
	if err != nil {
		return nil, err
	}
	files := licenses
	for _, group := range []struct {
		patterns  []string
		otherwise func(Model) ([]File, error)
	}{
		{tokenizerFiles, writtenTokenizer},
		{generationFiles, writtenGeneration},
	} {
		found, err := copied(m.Dir, group.patterns)
		if err == nil && len(found) == 0 {
			found, err = group.otherwise(m)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if m.Card != "" {
		return append(files, contents("README.md", []byte(m.Card))), nil
	}
	card, err := copied(m.Dir, cardFiles)
	return append(files, card...), err
}

// copied finds the files of dir that match.
func copied(dir string, patterns []string) ([]File, error) {
	if dir == "" {
		return nil, nil
	}
	var files []File
	for _, pattern := range patterns {
		names, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		for _, name := range names {
			path := filepath.Join(dir, filepath.FromSlash(name))
			info, err := os.Stat(path) // through links: the hub's cache consists of them
			if err != nil {
				return nil, err
			}
			if info.Mode().IsRegular() {
				files = append(files, File{filepath.FromSlash(name), info.Size(), copyOf(path, info.Size())})
			}
		}
	}
	return files, nil
}

func copyOf(path string, size int64) func(io.Writer) error {
	return func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(w, f)
		if err == nil && n != size {
			err = fmt.Errorf("%s changed while it was copied; start again", path)
		}
		return err
	}
}

// writtenTokenizer makes the files from the vocabulary.
func writtenTokenizer(m Model) ([]File, error) {
	if m.Vocab == nil {
		return nil, nil
	}
	made, err := m.Vocab.HF()
	var files []File
	for _, name := range slices.Sorted(maps.Keys(made)) {
		files = append(files, contents(name, made[name]))
	}
	return files, err
}

// writtenGeneration tells generate() which tokens begin and end a text.
func writtenGeneration(m Model) ([]File, error) {
	if m.Vocab == nil {
		return nil, nil
	}
	ids := specialIDs(m)
	if ends := m.Vocab.Ends(); len(ends) > 1 {
		ids["eos_token_id"] = ends
	}
	maps.DeleteFunc(ids, func(_ string, id any) bool { return id == nil })
	data, err := indented(ids)
	return []File{contents("generation_config.json", data)}, err
}
