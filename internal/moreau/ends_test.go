package moreau

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"moreau/internal/output"
)

// A scratch file whose places no state file says is of no use to anybody: it goes with the run
// that could not save them. One that a state file counts on stays.
func TestUnsavedScratchGoes(t *testing.T) {
	r := newToy(t)
	for _, tt := range []struct {
		state  string
		killAt int
		want   error
		stays  bool
	}{{"none/state", -1, output.ErrWrite, false}, {"state", 0, errKilled, false}, {"state", 1, errKilled, true}} {
		dir := t.TempDir()
		_, _, err := r.run(t, r.scratch(t, dir, true), None, &Journal{Path: filepath.Join(dir, filepath.FromSlash(tt.state)), Key: "a"}, tt.killAt)
		if !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "scratch")); (err == nil) != tt.stays {
			t.Errorf("%+v: the scratch file: %v", tt, err)
		}
	}
}

// slow is a file that takes its time to write, and knows whether it was closed meanwhile.
type slow struct {
	disk
	writes atomic.Int32
	closed atomic.Bool
	early  atomic.Bool // closed before a write was done
}

func (s *slow) WriteAt(data []byte, at int64) (int, error) {
	time.Sleep(5 * time.Millisecond)
	if s.closed.Load() {
		s.early.Store(true)
	}
	s.writes.Add(1)
	return s.disk.WriteAt(data, at)
}

func (s *slow) Close() error {
	s.closed.Store(true)
	return s.disk.Close()
}

// Free lets all writes end before it closes the file: a state file may count on them.
func TestFreeWaitsForWrites(t *testing.T) {
	r := newToy(t)
	store := r.scratch(t, t.TempDir(), true).(*scratch)
	file := &slow{disk: store.file}
	store.file = file
	for _, p := range r.moving {
		b, err := store.Open(Delta, p)
		if err == nil {
			err = store.Close(Delta, p, b, true)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	store.Free()
	if n := int(file.writes.Load()); n != len(r.moving) || file.early.Load() || !file.closed.Load() {
		t.Errorf("%d of %d writes are done, closed before: %t", n, len(r.moving), file.early.Load())
	}
}
