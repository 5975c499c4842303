package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// only fails unless dir holds exactly these names: no temporary is left.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

func contents(t *testing.T, path, want string) {
	t.Helper()
	if data, err := os.ReadFile(path); err != nil || string(data) != want {
		t.Errorf("%s holds %q (%v), want %q", path, data, err, want)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := File(path, false, text("one")); err != nil {
		t.Fatal(err)
	}
	err := File(path, false, text("two"))
	if !errors.Is(err, ErrExists) || err.Error() != path+" exists; give --force to replace it" {
		t.Errorf("second write: %v", err)
	}
	contents(t, path, "one")
	if err := File(path, true, text("three")); err != nil {
		t.Fatal(err)
	}
	contents(t, path, "three")
	only(t, dir, "a.txt")
}

func TestFileLeavesNothingOnFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	broken := errors.New("broken")
	err := File(path, false, func(w io.Writer) error {
		w.Write(make([]byte, 1<<21)) // more than the buffer: bytes are on disk
		return broken
	})
	if err != broken {
		t.Errorf("error %v, want the writer's own", err)
	}
	only(t, dir)
	func() {
		defer func() { recover() }()
		File(path, false, func(io.Writer) error { panic("writer") })
	}()
	only(t, dir)
}

func TestFileThatAppearsMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	err := File(path, false, func(w io.Writer) error {
		return os.WriteFile(path, []byte("other"), 0o666)
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	contents(t, path, "other")
}

// A folder that appears meanwhile is not replaced, unless that is asked for; what is no model
// is not in any case.
func TestDirThatAppearsMeanwhile(t *testing.T) {
	for _, c := range []struct {
		force bool
		file  string
		want  error
	}{{false, "config.json", ErrExists}, {true, "config.json", nil}, {true, "cat.jpg", ErrWrite}, {false, "cat.jpg", ErrExists}} {
		path := filepath.Join(t.TempDir(), "m")
		err := Dir(path, c.force, func(dir string) error {
			if err := os.Mkdir(path, 0o777); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(path, c.file), []byte(`{"model_type":"llama"}`), 0o666); err != nil {
				return err
			}
			return File(filepath.Join(dir, "weights"), false, text("new"))
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: error %v", c, err)
		}
		if _, err := os.Stat(filepath.Join(path, c.file)); (err == nil) != (c.want != nil) {
			t.Errorf("%+v: what appeared is there: %v", c, err)
		}
		only(t, filepath.Dir(path), "m")
	}
}

// model fills a folder as Dir's callers do.
func model(weights string) func(string) error {
	return func(dir string) error {
		if err := File(filepath.Join(dir, "config.json"), false, text(`{"model_type":"llama"}`)); err != nil {
			return err
		}
		return File(filepath.Join(dir, "weights"), false, text(weights))
	}
}

func TestDir(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "m")
	if err := Dir(path+"/", false, model("one")); err != nil {
		t.Fatal(err)
	}
	if err := Dir(path, false, model("two")); !errors.Is(err, ErrExists) {
		t.Errorf("second write: %v, want ErrExists", err)
	}
	contents(t, filepath.Join(path, "weights"), "one")
	if err := Dir(path, true, model("three")); err != nil {
		t.Fatal(err)
	}
	contents(t, filepath.Join(path, "weights"), "three")
	only(t, parent, "m")
	only(t, path, "config.json", "weights")
}

func TestDirLeavesNothingOnFailure(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "m")
	err := Dir(path, false, func(dir string) error {
		return File(filepath.Join(dir, "sub", "x"), false, text("x"))
	})
	if !errors.Is(err, ErrWrite) || !strings.HasPrefix(err.Error(), filepath.Join(path, "sub", "x")+": ") {
		t.Errorf("error %q, want one about the final place", err)
	}
	only(t, parent)
	func() {
		defer func() { recover() }()
		Dir(path, false, func(string) error { panic("fill") })
	}()
	only(t, parent)
}

func TestForceDeletesNothingButModels(t *testing.T) {
	parent := t.TempDir()
	folder, file := filepath.Join(parent, "folder"), filepath.Join(parent, "file")
	os.Mkdir(folder, 0o777)
	if err := CheckDir(folder, true); err != nil {
		t.Errorf("an empty folder is refused: %v", err)
	}
	for _, name := range []string{"photo.jpg", "config.json"} {
		os.WriteFile(filepath.Join(folder, name), []byte(`{"theme":"dark"}`), 0o666)
	}
	os.WriteFile(file, nil, 0o666)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	for what, err := range map[string]error{
		"folder as folder": Dir(folder, true, model("x")),
		"folder as file":   File(folder, true, text("x")),
		"file as folder":   Dir(file, true, model("x")),
		"device as file":   Check(os.DevNull, true), // File would replace it, were it not refused
		"link as file":     File(link, true, text("x")),
		"folder planned":   CheckDir(folder, true),
	} {
		if !errors.Is(err, ErrWrite) || errors.Is(err, ErrExists) {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	only(t, parent, "file", "folder")
	only(t, folder, "config.json", "photo.jpg")
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := errors.Join(Check(path, false), CheckDir(path, false), Room(path, 1)); err != nil {
		t.Error(err)
	}
	only(t, dir)
	err := Check(filepath.Join(path, "b"), false)
	if !errors.Is(err, ErrWrite) || !strings.Contains(err.Error(), "create it first") {
		t.Errorf("missing parent: %v", err)
	}
	if free, known := FreeBytes(dir); known {
		if err := Room(path, free/2); err != nil {
			t.Errorf("half of what is free: %v", err)
		}
		if err := Room(path, free+free/2); !errors.Is(err, ErrWrite) {
			t.Errorf("half more than is free: %v", err)
		}
		if err := Room(path, 1<<62); !errors.Is(err, ErrWrite) || !strings.Contains(err.Error(), "write elsewhere") {
			t.Errorf("2^62 bytes: %v", err)
		}
	}
}
