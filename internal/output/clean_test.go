package output

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed process left of path goes, a folder too; what belongs to others stays.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m[1]")
	for _, left := range []string{temporary(path), temporary(path)} {
		if err := os.MkdirAll(filepath.Join(left, "sub"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	other := temporary(filepath.Join(dir, "m1"))
	for _, file := range []string{temporary(path), other} {
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	Clean(path)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(other) {
		t.Errorf("%v, %v is left, want %s alone", entries, err, other)
	}
}
