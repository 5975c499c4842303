//go:build linux || darwin || freebsd

package output

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock keeps f from other processes that ask for it too, until it is closed. A file
// system without locks is taken as it is.
func Lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("another run uses the file; wait for its end, or choose another output")
	}
	return nil
}

// unlock removes a locked file while no other process can lock it.
func unlock(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}
