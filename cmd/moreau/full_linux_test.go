package main

import (
	"os"
	"path/filepath"
	"strings"
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

func TestDiskIsFull(t *testing.T) {
	disk := tinyDisk(t)
	ids := idsFile(t, "llama_mha")
	for _, tt := range []struct{ args, name, words string }{
		{"convert " + stories, "out.gguf", "bytes are to be written, the disk has|write elsewhere"},
		{"convert " + stories, "out", "bytes are to be written, the disk has|write elsewhere"},
		{"prune --ratio 20% --method l1 --no-eval " + stories, "out", "bytes are to be written, the disk has|write elsewhere"},
		{"logits " + golden("llama_mha") + " --ids " + ids, "logits", "the disk is full; free space or write elsewhere"},
	} {
		out := filepath.Join(disk, tt.name)
		refused(t, exitOutput, append(strings.Split(tt.words, "|"), out), append(strings.Fields(tt.args), "-o", out)...)
		only(t, disk)
	}
	if err := os.WriteFile(filepath.Join(disk, "filler"), make([]byte, 60<<10), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(disk, "scores.json")
	refused(t, exitOutput, []string{out, "the disk is full"}, "score", "--method", "l1", stories, "-o", out)
	only(t, disk, "filler")
}
