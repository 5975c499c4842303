package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// tinyDisk is a folder on a disk of 64 KiB.
func tinyDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("SKIPPED: a full disk is tested on a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	return dir
}

func TestFullDisk(t *testing.T) {
	disk := tinyDisk(t)
	big := func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<21))
		return err
	}
	file, folder := filepath.Join(disk, "a"), filepath.Join(disk, "m")
	inside := filepath.Join(folder, "weights")
	for path, err := range map[string]error{
		file:   File(file, false, big),
		inside: Dir(folder, false, func(dir string) error { return File(filepath.Join(dir, "weights"), false, big) }),
	} {
		if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("error %v, want ENOSPC", err)
		}
		if want := path + ": the disk is full; free space or write elsewhere"; err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	only(t, disk)
	if err := os.WriteFile(file, make([]byte, 60<<10), 0o666); err != nil {
		t.Errorf("the space did not come back: %v", err)
	}
}
