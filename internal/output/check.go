package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Check says before the work whether File will be able to write path: the
// parent folder is there and can be written to, nothing is at path (ErrExists),
// or with force an ordinary file.
func Check(path string, force bool) error { return plan(path, force, replaceableFile) }

// CheckDir is Check for Dir: with force, path may be an empty folder or one
// that holds a model (a config.json that names a model type or architecture).
// Anything else is never deleted.
func CheckDir(path string, force bool) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return Failed(path, err)
	}
	return plan(path, force, replaceableDir)
}

// Room says before the work whether bytes will fit beside path, where the free
// space is known.
func Room(path string, bytes int64) error {
	free, known := FreeBytes(filepath.Dir(path))
	if !known || bytes <= free {
		return nil
	}
	return Failed(path, fmt.Errorf("%d bytes are to be written, the disk has %d free; free %d bytes or write elsewhere", bytes, free, bytes-free))
}

// plan is check and a try whether the parent folder takes a file.
func plan(path string, force bool, replaceable func(string, fs.FileInfo) error) error {
	if err := check(path, force, replaceable); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	if st, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) || (err == nil && !st.IsDir()) {
		return Failed(path, fmt.Errorf("there is no folder %s; create it first", parent))
	}
	probe := temporary(path)
	f, err := os.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return Failed(path, err)
	}
	f.Close()
	return Failed(path, os.Remove(probe))
}

// check looks at what is at path.
func check(path string, force bool, replaceable func(string, fs.FileInfo) error) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return Failed(path, err)
	case !force:
		return fmt.Errorf("%s %w", path, ErrExists)
	}
	return Failed(path, replaceable(path, info))
}

func replaceableFile(_ string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("this is no ordinary file and is not replaced; write elsewhere")
	}
	return nil
}

func replaceableDir(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return errors.New("this is no folder and is not replaced; write elsewhere")
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) == 0 {
		return err
	}
	var config struct {
		ModelType     string   `json:"model_type"`
		Architectures []string `json:"architectures"`
	}
	data, err := os.ReadFile(filepath.Join(path, "config.json"))
	if err != nil || json.Unmarshal(data, &config) != nil || (config.ModelType == "" && len(config.Architectures) == 0) {
		return errors.New("this folder holds something else than a model and is not replaced; remove it yourself or write elsewhere")
	}
	return nil
}
