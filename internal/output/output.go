// Package output makes files and folders appear complete or not at all: they
// are written under a temporary name beside their place and renamed when done.
// A temporary is called .NAME.moreau-tmp-RANDOM; one that a killed process left
// behind may be deleted. .NAME.moreau-old-RANDOM is a folder that was being replaced.
package output

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File lets write fill a file that appears at path when everything is on disk;
// on an error, or a panic of write, nothing is left. Errors of write come back
// as they are, failures of the disk as *Error. See Check for what is refused.
func File(path string, force bool, write func(w io.Writer) error) error {
	if err := check(path, force, replaceableFile); err != nil {
		return err
	}
	tmp := temporary(path)
	defer sys.removeAll(tmp) // finds nothing once the file has its name
	if err := fill(tmp, path, write); err != nil {
		return err
	}
	if err := check(path, force, replaceableFile); err != nil { // it may have appeared meanwhile
		return err
	}
	return rename(tmp, path)
}

// fill writes tmp and sees it onto the disk; errors speak of path.
func fill(tmp, path string, write func(w io.Writer) error) error {
	f, err := sys.create(tmp)
	if err != nil {
		return Failed(path, err)
	}
	defer f.Close()
	b := bufio.NewWriterSize(disk{f, path}, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return Failed(path, err)
	}
	return Failed(path, f.Close())
}

// disk names the file in the errors of its writes.
type disk struct {
	f    file
	path string
}

func (d disk) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	return n, Failed(d.path, err)
}

// Marks in the names of what is beside a path.
const (
	tmpMark   = ".moreau-tmp-" // unfinished, or to be deleted
	asideMark = ".moreau-old-" // whole, and on its way out
)

// temporary is a name beside path that nothing else has.
func temporary(path string) string { return beside(path, tmpMark) }

// beside is a name beside path that nothing else has, .NAME, mark and something random.
func beside(path, mark string) string {
	random := make([]byte, 6)
	rand.Read(random) // never fails
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+mark+hex.EncodeToString(random))
}

// rename gives a complete temporary its name and puts that on disk where the
// system can sync a folder.
func rename(tmp, path string) error {
	if err := sys.rename(tmp, path); err != nil {
		return Failed(path, err)
	}
	sys.syncDir(filepath.Dir(path))
	return nil
}

// Clean deletes what killed processes left of unfinished files and folders for path, and
// puts back a folder that was about to be replaced. Only call it where no other process
// may be writing path.
func Clean(path string) {
	for _, old := range left(path, asideMark) {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			rename(old, path)
		} else {
			discard(old, temporary(path))
		}
	}
	for _, tmp := range left(path, tmpMark) {
		sys.removeAll(tmp)
	}
}

// left are names beside path with a mark.
func left(path, mark string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	names, _ := filepath.Glob(escape.Replace(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+mark)) + "*")
	return names
}

// escape makes a path a pattern that matches only itself.
var escape = strings.NewReplacer("*", "\\*", "?", "\\?", "[", "\\[", "\\", "\\\\")
