//go:build !(linux || darwin || freebsd)

package output

// FreeBytes is how many bytes an ordinary user may still write to the disk that
// holds dir; false where the system does not tell.
func FreeBytes(dir string) (bytes int64, known bool) { return 0, false }
