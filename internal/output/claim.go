package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrBusy is in the error about an output that another run is writing.
var ErrBusy = errors.New("another run writes it; wait for its end, or choose another output")

// lockMark is the end of the name of an empty file that is locked while a run lasts.
const lockMark = ".moreau-lock"

// Claim keeps paths that a run will write from other runs, until release or the end of
// the process, and cleans up what killed runs left of them (see Clean). A path that
// another run has claimed is an *Error with ErrBusy; empty paths are left out.
func Claim(paths ...string) (release func(), err error) {
	var locks []*os.File
	release = func() {
		for _, f := range locks {
			unlock(f)
		}
		locks = nil
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		f, err := claim(path)
		if err != nil {
			release()
			return nil, Failed(path, err)
		}
		locks = append(locks, f)
		Clean(path)
	}
	return release, nil
}

// claim locks a file beside path. One that was removed before the lock was had is
// nobody's: another takes its place.
func claim(path string) (*os.File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+lockMark)
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if err := Lock(f); err != nil {
			f.Close()
			return nil, ErrBusy
		}
		ours, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		there, err := os.Stat(name)
		if err == nil && os.SameFile(ours, there) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}
