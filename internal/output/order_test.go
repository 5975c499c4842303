package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// recorder is the disk with a list of what was asked of it: places by their role, not
// by their random names. The first call that is called fail fails; from the call of number
// killed on, none is made, as of a process that is no more.
type recorder struct {
	parent string
	real   system
	calls  []string
	fail   string
	killed int // 0: never
}

var errKilled = errors.New("killed")

var errDisk = errors.New("the disk says no")

// record puts a recorder in the place of the disk for the length of a test.
func record(t *testing.T, parent, fail string) *recorder {
	t.Helper()
	r := &recorder{parent: parent, real: sys, fail: fail}
	t.Cleanup(func() { sys = r.real })
	sys = system{
		create: func(path string) (file, error) {
			if err := r.call("create " + r.role(path)); err != nil {
				return nil, err
			}
			f, err := r.real.create(path)
			return &recorded{f, r, r.role(path)}, err
		},
		rename: func(from, to string) error {
			if err := r.call("rename " + r.role(from) + " " + r.role(to)); err != nil {
				return err
			}
			return r.real.rename(from, to)
		},
		exchange: func(a, b string) error {
			if err := r.call("exchange " + r.role(a) + " " + r.role(b)); err != nil {
				return err
			}
			return r.real.exchange(a, b)
		},
		removeAll: func(path string) error {
			if err := r.call("remove " + r.role(path)); err != nil {
				return err
			}
			return r.real.removeAll(path)
		},
		syncDir: func(path string) {
			r.call("sync folder " + r.role(path))
			r.real.syncDir(path)
		},
	}
	return r
}

func (r *recorder) call(what string) error {
	r.calls = append(r.calls, what)
	if r.killed > 0 && len(r.calls) >= r.killed {
		return errKilled
	}
	if what == r.fail {
		r.fail = ""
		return errDisk
	}
	return nil
}

// role is a path below the parent without its random part.
func (r *recorder) role(path string) string {
	rel, err := filepath.Rel(r.parent, path)
	if err != nil {
		return path
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	for i, p := range parts {
		if name, _, ok := strings.Cut(strings.TrimPrefix(p, "."), tmpMark); ok {
			parts[i] = "~" + name
		}
		if name, _, ok := strings.Cut(strings.TrimPrefix(p, "."), asideMark); ok {
			parts[i] = "old " + name
		}
	}
	return strings.Join(parts, "/")
}

type recorded struct {
	file
	r    *recorder
	role string
}

func (f *recorded) Write(p []byte) (int, error) {
	if err := f.r.call("write " + f.role); err != nil {
		return 0, err
	}
	return f.file.Write(p)
}

func (f *recorded) Sync() error {
	return errors.Join(f.r.call("sync "+f.role), f.file.Sync())
}

func (f *recorded) Close() error {
	return errors.Join(f.r.call("close "+f.role), f.file.Close())
}

// A file has its name only once its bytes are on the disk, and is there for good only
// once the folder is.
func TestFileOrder(t *testing.T) {
	dir := t.TempDir()
	r := record(t, dir, "")
	if err := File(filepath.Join(dir, "a"), false, text("one")); err != nil {
		t.Fatal(err)
	}
	want := []string{"create ~a", "write ~a", "sync ~a", "close ~a", "close ~a", "rename ~a a", "sync folder .", "remove ~a"}
	if !slices.Equal(r.calls, want) {
		t.Errorf("calls\n%q, want\n%q", r.calls, want)
	}
}

// The old folder is deleted when the new one is on the disk under its name, not before.
func TestDirOrder(t *testing.T) {
	for _, tt := range []struct {
		fail string
		want []string
	}{
		{"", []string{"exchange ~m m", "sync folder .", "remove ~m", "remove ~m"}},
		{"exchange ~m m", []string{"exchange ~m m", "rename m old m", "rename ~m m", "sync folder .", "rename old m ~m", "remove ~m", "remove ~m"}},
	} {
		parent := t.TempDir()
		path := filepath.Join(parent, "m")
		if err := Dir(path, false, model("one")); err != nil {
			t.Fatal(err)
		}
		r := record(t, parent, tt.fail)
		if tt.fail == "" && !exchanges(t) {
			continue
		}
		if err := Dir(path, true, model("two")); err != nil {
			t.Fatal(err)
		}
		moved := slices.Index(r.calls, tt.want[0])
		if moved < 0 || !slices.Equal(r.calls[moved:], tt.want) {
			t.Fatalf("calls %q, the last ones are to be %q", r.calls, tt.want)
		}
		for _, name := range []string{"config.json", "weights"} {
			if synced := slices.Index(r.calls, "sync ~m/~"+name); synced < 0 || synced > moved {
				t.Errorf("%s is not on the disk when the folder gets its name: %q", name, r.calls)
			}
		}
		contents(t, filepath.Join(path, "weights"), "two")
		only(t, parent, "m")
		sys = r.real
	}
}

// exchanges says whether the system exchanges names.
func exchanges(t *testing.T) bool {
	a, b := t.TempDir(), t.TempDir()
	err := exchange(a, b)
	if err != nil {
		t.Logf("SKIPPED: this system exchanges no names: %v", err)
	}
	return err == nil
}

// Killed before any of its calls, a replacement leaves the old folder or the new one, whole, once the
// next run has cleaned up, and nothing else; with names that are exchanged one of them is at its
// place at each moment.
func TestKilledReplacement(t *testing.T) {
	for _, unable := range []string{"exchange ~m m", ""} {
		if unable == "" && !exchanges(t) {
			continue
		}
		for killed := 1; ; killed++ {
			parent := t.TempDir()
			path := filepath.Join(parent, "m")
			if err := Dir(path, false, model("old")); err != nil {
				t.Fatal(err)
			}
			r := record(t, parent, unable)
			r.killed = killed
			err := Dir(path, true, model("new"))
			sys = r.real
			if len(r.calls) < killed {
				if killed < 20 || err != nil {
					t.Errorf("%d calls: %v", len(r.calls), err)
				}
				break
			}
			if _, err := os.Stat(path); err != nil && unable == "" {
				t.Errorf("killed before %q: nothing is at the place", r.calls[killed-1])
			}
			Clean(path)
			only(t, parent, "m")
			only(t, path, "config.json", "weights")
			want := "old"
			if slices.ContainsFunc(r.calls[:killed-1], func(call string) bool { return call == "rename ~m m" || call == "exchange ~m m" && unable == "" }) {
				want = "new"
			}
			contents(t, filepath.Join(path, "weights"), want)
		}
	}
}

// Whatever fails, what was there before is whole, nothing else is left, and the error
// names the place.
func TestEachCallFails(t *testing.T) {
	for _, fail := range []string{"create ~a", "write ~a", "sync ~a", "close ~a", "rename ~a a"} {
		t.Run(fail, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			if err := File(path, false, text("old")); err != nil {
				t.Fatal(err)
			}
			record(t, dir, fail)
			err := File(path, true, text("new"))
			if !errors.Is(err, ErrWrite) || !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("error %v", err)
			}
			contents(t, path, "old")
			only(t, dir, "a")
		})
	}
	for _, fail := range []string{"create ~m/~weights", "sync ~m/~weights", "rename ~m/~weights ~m/weights", "rename m old m", "rename ~m m"} {
		t.Run(fail, func(t *testing.T) {
			parent := t.TempDir()
			path := filepath.Join(parent, "m")
			if err := Dir(path, false, model("old")); err != nil {
				t.Fatal(err)
			}
			record(t, parent, fail)
			sys.exchange = func(_, _ string) error { return errors.ErrUnsupported }
			err := Dir(path, true, model("new"))
			if !errors.Is(err, ErrWrite) || !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("error %v", err)
			}
			contents(t, filepath.Join(path, "weights"), "old")
			only(t, parent, "m")
			only(t, path, "config.json", "weights")
		})
	}
}

// A folder that cannot be deleted once it is replaced is named, and the new one is there.
func TestOldFolderStays(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "m")
	if err := Dir(path, false, model("old")); err != nil {
		t.Fatal(err)
	}
	record(t, parent, "remove ~m")
	err := Dir(path, true, model("new"))
	if !errors.Is(err, ErrWrite) || !strings.Contains(err.Error(), ".m.moreau-tmp-") {
		t.Errorf("error %v, want one that names what is left", err)
	}
	contents(t, filepath.Join(path, "weights"), "new")
}

// Bytes reach the disk as they come, not all at the end.
func TestFileStreams(t *testing.T) {
	dir := t.TempDir()
	r := record(t, dir, "")
	err := File(filepath.Join(dir, "a"), false, func(w io.Writer) error {
		for range 5 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		if n := len(r.calls); n < 5 {
			t.Errorf("%d calls after 5 MiB: %q", n, r.calls)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Errors of the system, whichever call they are of, name the file that was asked for, not the temporary beside it.
func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, "")
	recorded := sys
	path := filepath.Join(dir, "a")
	for what, fail := range map[string]func(){
		"create": func() {
			sys.create = func(path string) (file, error) {
				return nil, &os.PathError{Op: "open", Path: path, Err: syscall.EACCES}
			}
		},
		"rename": func() {
			sys.rename = func(from, to string) error {
				return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EACCES}
			}
		},
	} {
		sys = recorded
		fail()
		err := File(path, false, text("one"))
		if want := path + ": " + syscall.EACCES.Error(); !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.EACCES) || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	only(t, dir)
}
