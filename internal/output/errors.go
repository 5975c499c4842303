package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrExists is in the error about an output that is there already.
var ErrExists = errors.New("exists; give --force to replace it")

// ErrWrite is what errors.Is finds in every *Error.
var ErrWrite = errors.New("cannot write")

// Error is a failure to write Path for the reason Err.
type Error struct {
	Path string
	Err  error
}

// Error is one line that names the file and, where there is one, the remedy.
func (e *Error) Error() string {
	if errors.Is(e.Err, syscall.ENOSPC) {
		return fmt.Sprintf("%s: the disk is full; free space or write elsewhere", e.Path)
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

// Is matches ErrWrite.
func (e *Error) Is(target error) bool { return target == ErrWrite }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failed is an *Error about path: it names the final path instead of the temporary one that the system
// speaks of; nil stays nil.
func Failed(path string, err error) error {
	if err == nil {
		return nil
	}
	var system *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &system):
		err = system.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &Error{path, err}
}
