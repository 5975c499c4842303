package output

import (
	"io"
	"os"
)

// system is what this package asks of the disk. Tests record the order of the calls,
// by which a file is whole after a power cut, and let one fail.
type system struct {
	create    func(path string) (file, error) // a new file
	rename    func(from, to string) error
	exchange  func(a, b string) error // names, at once; an error where the system cannot
	removeAll func(path string) error
	syncDir   func(path string) // where the system can
}

type file interface {
	io.WriteCloser
	Sync() error
}

var sys = system{create: create, rename: os.Rename, exchange: exchange, removeAll: os.RemoveAll, syncDir: syncDir}

func create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

func syncDir(path string) {
	if dir, err := os.Open(path); err == nil {
		dir.Sync()
		dir.Close()
	}
}
