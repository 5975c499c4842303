package hub

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moreau/internal/output"
)

// What no other try mends is asked for once, and said in plain words.
func TestNotTriedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		asked  int
		words  string
	}{
		"no JSON":      {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello</html>")) }, 1, "not what a model hub says"},
		"deep JSON":    {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(strings.Repeat("[", 20000))) }, 1, "not what a model hub says"},
		"another type": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"sha": 5}`)) }, 1, "not what a model hub says"},
		"cut short":    {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"sha": "ab`)) }, tries, "the answer breaks off, 5 times"},
		"file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, 1, "redirects to an address of file"},
		"loop": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, 10, "redirects without end"},
		"control characters": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"sha": "abc", "siblings": [{"rfilename": "a\u001b[2J.gguf", "size": 1}]}`))
		}, 1, "control characters"},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; tt.answer(w, r) }))
		c := NewClient(server.URL, "")
		c.Pause = func(context.Context, int, time.Duration) error { return nil }
		_, err := c.Resolve(t.Context(), Models, "o/n", "main")
		server.Close()
		if !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), tt.words) || strings.Contains(err.Error(), "json:") || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%s: %v", name, err)
		}
		if asked != tt.asked {
			t.Errorf("%s: asked %d times, want %d", name, asked, tt.asked)
		}
	}
}

// A file that cannot be written is no fault of the hub.
func TestUnwritableFile(t *testing.T) {
	for name, block := range map[string]func(dir string) error{
		"part is a folder":      func(dir string) error { return os.MkdirAll(filepath.Join(dir, "sub", "model.safetensors.part"), 0o777) },
		"folder is a file":      func(dir string) error { return os.WriteFile(filepath.Join(dir, "sub"), nil, 0o666) },
		"the place is a folder": func(dir string) error { return os.MkdirAll(filepath.Join(dir, "sub", "model.safetensors", "x"), 0o777) },
	} {
		_, dir, fetch := one(t)
		if err := block(dir); err != nil {
			t.Fatal(err)
		}
		if err := fetch(); !errors.Is(err, output.ErrWrite) || errors.Is(err, ErrHub) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
