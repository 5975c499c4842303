//go:build !linux && !darwin && !freebsd

package output

import "os"

// Lock keeps f from other processes, where the system can do that.
func Lock(*os.File) error { return nil }

// unlock removes a file, which has to be closed before.
func unlock(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
