package job

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"moreau/internal/load"
)

// Pulled is what a pull fetches, and what marks a folder as a pull's.
type Pulled struct {
	Endpoint string   `json:"endpoint"`
	Repo     string   `json:"repo"`
	Commit   string   `json:"commit"`
	Files    []string `json:"files"`
	Bytes    int64    `json:"bytes"`
}

// pullMark is the file that marks a folder.
const pullMark = ".moreau-pull.json"

// carried are the keys of the source's metadata that hold of what is made from it.
var carried = []string{"license", "license_name", "license_link", "language"}

var (
	// hubName is OWNER/NAME, OWNER/NAME@REV or OWNER/NAME@REV:FILE.gguf.
	hubName  = regexp.MustCompile(`^(\w[\w.-]*/\w[\w.-]*)(?:@([\w./-]+))?(?::(.+\.[gG][gG][uU][fF]))?$`)
	hubCache = regexp.MustCompile(`(?:^|/)models--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})$`)
)

// origin is the repository and commit that a model was pulled from by moreau
// pull, or that its place in the cache of huggingface_hub says.
func origin(m *load.Model) (repo, commit string) {
	dir := m.Path
	if m.Format == load.GGUF {
		dir = filepath.Dir(dir)
	}
	if data, err := beginning(filepath.Join(dir, pullMark)); err == nil {
		var p Pulled
		if json.Unmarshal(data, &p) == nil && hubName.MatchString(p.Repo) {
			return p.Repo, p.Commit
		}
	}
	if abs, err := filepath.Abs(dir); err == nil {
		if found := hubCache.FindStringSubmatch(filepath.ToSlash(abs)); found != nil {
			return found[1] + "/" + found[2], found[3]
		}
	}
	return "", ""
}

// beginning is the first MiB of a plain file: a pipe or device would block or never end.
func beginning(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// sourceMetadata are the lines of the carried keys in the YAML block that begins the
// source's card, with the lines of lists and the like that belong to them.
func sourceMetadata(m *load.Model) (lines []string) {
	if m.Format != load.HF {
		return nil
	}
	data, err := beginning(filepath.Join(m.Path, "README.md"))
	if err != nil {
		return nil
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	block, ok := strings.CutPrefix(text, "---\n")
	block, _, closed := strings.Cut(block, "\n---")
	if !ok || !closed {
		return nil
	}
	wanted := false
	for _, line := range strings.Split(block, "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && strings.Trim(key, " \t-#") == key {
			wanted = slices.Contains(carried, key)
		}
		if wanted && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
