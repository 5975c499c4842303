//go:build !linux && !darwin && !freebsd

package output

import "os"

// Lock keeps f from other processes, where the system can do that.
func Lock(*os.File) error { return nil }
