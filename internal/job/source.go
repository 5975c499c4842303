package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"moreau/internal/load"
)

// Source says which model another was made from.
type Source struct {
	Name     string
	Files    []string // of the weights, without folder; none: a model inside the program
	SHA256   string   // of the files, one after the other; "": not read yet
	Repo     string   // OWNER/NAME on a model hub; "": unknown
	Commit   string   // of Repo
	Metadata []string // lines of the YAML block of its card
}

// newSource is what can be said of a model without reading its weights.
func newSource(m *load.Model) Source {
	s := Source{Name: modelName(m.Path), Metadata: sourceMetadata(m)}
	for _, f := range weightFiles(m) {
		s.Files = append(s.Files, filepath.Base(f))
	}
	if s.Files != nil {
		s.Repo, s.Commit = origin(m)
	}
	return s
}

// hashWeights reads the files of the weights; "" for a model inside the program.
func hashWeights(ctx context.Context, m *load.Model, progress Progress) (string, error) {
	files := weightFiles(m)
	if len(files) == 0 {
		return "", nil
	}
	sum, total, done := sha256.New(), int64(0), int64(0)
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	progress.Begin(Hashing, modelName(m.Path), total)
	for _, name := range files {
		err := hashFile(ctx, sum, name, func(n int64) { done += n; progress.At(done) })
		if err != nil {
			return "", err
		}
	}
	progress.End(math.NaN())
	return hex.EncodeToString(sum.Sum(nil)), nil
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
