package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"moreau/internal/load"
)

// source says which model a card's model was cut from.
type source struct {
	repo   string // OWNER/NAME on a model hub; "": unknown
	commit string // of repo
	sha256 string // of the weights; "": a model inside the program
}

// sourceOf reads the weights' files for their hash, and where they were pulled from.
func sourceOf(ctx context.Context, m *load.Model, stderr io.Writer) (s source, err error) {
	files := weightFiles(m)
	if len(files) == 0 {
		return s, nil
	}
	s.repo, s.commit = origin(m)
	sum, total, done := sha256.New(), int64(0), int64(0)
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	bar := newProgress(stderr, "hashing "+modelName(m.Path), total)
	for _, name := range files {
		err := hashFile(ctx, sum, name, func(n int64) { done += n; bar.set(done) })
		if err != nil {
			return s, err
		}
	}
	bar.finish("")
	s.sha256 = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// weightFiles are the files of the weights, the safetensors files of a folder in
// the order of their names; none for a model inside the program.
func weightFiles(m *load.Model) []string {
	switch {
	case m.Path == load.Builtin:
		return nil
	case m.Format == load.GGUF:
		return []string{m.Path}
	}
	var files []string
	names, _ := fs.Glob(os.DirFS(m.Path), "*.safetensors") // m.Path itself is no pattern
	for _, name := range names {
		path := filepath.Join(m.Path, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			files = append(files, path)
		}
	}
	return files
}

func hashFile(ctx context.Context, sum io.Writer, name string, progress func(n int64)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		n, err := io.CopyN(sum, f, 16<<20)
		progress(n)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// describe is the source in the words of the card. Where the hash is not known yet, there
// is room for it, so that the size of the card is planned.
func (s source) describe(m *load.Model) string {
	name := "`" + modelName(m.Path) + "`"
	if s.repo != "" {
		name = fmt.Sprintf("`%s` at `%s`", s.repo, s.commit)
	}
	switch files := weightFiles(m); len(files) {
	case 0:
		return name + " (inside the program)"
	case 1:
		return fmt.Sprintf("%s (SHA-256 of `%s`: `%64s`)", name, filepath.Base(files[0]), s.sha256)
	}
	return fmt.Sprintf("%s (SHA-256 of its safetensors files one after the other: `%64s`)", name, s.sha256)
}

var hubCache = regexp.MustCompile(`(?:^|/)models--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})$`)

// origin is the repository and commit that a model was pulled from by moreau
// pull, or that its place in the cache of huggingface_hub says.
func origin(m *load.Model) (repo, commit string) {
	dir := m.Path
	if m.Format == load.GGUF {
		dir = filepath.Dir(dir)
	}
	if data, err := beginning(filepath.Join(dir, pullMark)); err == nil {
		var p pulled
		if json.Unmarshal(data, &p) == nil && repository.MatchString(p.Repo) {
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

// sourceMetadata are the lines of keys in the YAML block that begins the source's
// card, with the lines of lists and the like that belong to them.
func sourceMetadata(m *load.Model, keys ...string) (lines []string) {
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
			wanted = slices.Contains(keys, key)
		}
		if wanted && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
