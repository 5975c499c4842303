package output

import (
	"errors"
	"os"
	"path/filepath"
)

// Dir lets fill write files into an empty temporary folder that becomes path
// when fill is done; on an error, or a panic of fill, nothing is left. With
// force an older model folder is replaced and then deleted. fill writes
// with File; errors then name the final place. See CheckDir for what is refused.
func Dir(path string, force bool, fill func(dir string) error) error {
	path, err := filepath.Abs(path) // so that "." and "x/" have a name and a parent
	if err != nil {
		return Failed(path, err)
	}
	if err := check(path, force, replaceableDir); err != nil {
		return err
	}
	tmp := temporary(path)
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return Failed(path, err)
	}
	defer sys.removeAll(tmp) // finds nothing once the folder has its name
	if err := fill(tmp); err != nil {
		return relocate(err, tmp, path)
	}
	if err := check(path, force, replaceableDir); err != nil { // it may have appeared meanwhile
		return err
	}
	return replace(tmp, path)
}

// relocate makes an error about a file in the temporary folder speak of its final place.
func relocate(err error, tmp, path string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if rel, relErr := filepath.Rel(tmp, e.Path); relErr == nil && filepath.IsLocal(rel) {
		return &Error{filepath.Join(path, rel), e.Err}
	}
	return err
}

// replace gives tmp the name of an older folder, which is deleted. Where the system
// exchanges names there is a whole folder at path at each moment; elsewhere, for a
// moment, the older one has a name from which Clean puts it back.
func replace(tmp, path string) error {
	if _, err := os.Lstat(path); err != nil {
		return rename(tmp, path)
	}
	if err := sys.exchange(tmp, path); err == nil {
		sys.syncDir(filepath.Dir(path))
		return Failed(tmp, sys.removeAll(tmp))
	}
	old := beside(path, asideMark)
	if err := sys.rename(path, old); err != nil {
		return Failed(path, err)
	}
	if err := rename(tmp, path); err != nil {
		return errors.Join(err, sys.rename(old, path))
	}
	return discard(old, tmp)
}

// discard deletes a folder under a temporary name, so that one half deleted is never put back.
func discard(old, tmp string) error {
	if err := sys.rename(old, tmp); err != nil {
		return Failed(old, err)
	}
	return Failed(tmp, sys.removeAll(tmp))
}
