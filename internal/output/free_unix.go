//go:build linux || darwin || freebsd

package output

import "golang.org/x/sys/unix"

// FreeBytes is how many bytes an ordinary user may still write to the disk that
// holds dir; false where the system does not tell.
func FreeBytes(dir string) (bytes int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
