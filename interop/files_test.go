package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// writeFiles writes files into a folder, contents by name, and makes the folder.
func writeFiles[T string | []byte](t *testing.T, dir string, files map[string]T) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// need skips the test where shared data is absent.
func need(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: needs %s", path)
	}
}
