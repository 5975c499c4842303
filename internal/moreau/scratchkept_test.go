package moreau

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/output"
)

// A run on a kept scratch file that dies before any step, or amid its writes,
// continues to the same bits.
func TestScratchContinues(t *testing.T) {
	r := newToy(t)
	for _, threshold := range []Threshold{None, CoupledUnits} {
		want, wantTrace, err := r.run(t, NewMemory(r.be), threshold, nil, -1)
		if err != nil {
			t.Fatal(err)
		}
		for killAt := range 5 {
			dir := t.TempDir()
			j := func() *Journal { return &Journal{Path: filepath.Join(dir, "state"), Key: "a"} }
			if _, _, err := r.run(t, r.scratch(t, dir, true), threshold, j(), killAt); err != errKilled {
				t.Fatal(err)
			}
			r.spoil(t, dir, killAt, threshold, j())
			got, trace, err := r.run(t, r.scratch(t, dir, true), threshold, j(), -1)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, want) || !slices.Equal(trace, wantTrace) {
				t.Errorf("threshold %d, killed before step %d: other results", threshold, killAt)
			}
			j().Remove()
		}
	}
}

// spoil continues a run and lets it die when it has changed every array without
// having saved that.
func (r *toy) spoil(t *testing.T, dir string, step int, threshold Threshold, j *Journal) {
	t.Helper()
	store := r.scratch(t, dir, true)
	defer store.Free()
	trace, err := j.restore(r.be, store, r.moving)
	if err != nil || len(trace) != step {
		t.Fatalf("%d steps restored, want %d: %v", len(trace), step, err)
	}
	if err := eachArray(store, r.moving, true, func(b backend.Buffer) error {
		r.be.Axpby(b, 0, b, 3)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := eachArray(store, r.moving, true, func(b backend.Buffer) error {
		r.be.Zero(b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A scratch file that vanished, or is another's, is not continued from; one that
// vanishes during the run is an error that names it.
func TestScratchVanishes(t *testing.T) {
	r := newToy(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "scratch")
	journal := func(notes *[]string) *Journal {
		return &Journal{Path: filepath.Join(dir, "state"), Key: "a", Note: func(line string) { *notes = append(*notes, line) }}
	}
	for name, damage := range map[string]func() error{
		"removed": func() error { return os.Remove(path) },
		"cut":     func() error { return os.Truncate(path, markBytes) },
		"cut a bit": func() error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()-1)
		},
		"another's": func() error { return os.WriteFile(path, make([]byte, 1<<20), 0o666) },
	} {
		var notes []string
		if _, _, err := r.run(t, r.scratch(t, dir, true), None, journal(&notes), 2); err != errKilled {
			t.Fatal(err)
		}
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.run(t, r.scratch(t, dir, true), None, journal(&notes), 0); err != errKilled {
			t.Errorf("%s: the run did not begin anew: %v", name, err)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], path) {
			t.Errorf("%s: notes %q", name, notes)
		}
		os.Remove(filepath.Join(dir, "state"))
	}
	store := r.scratch(t, dir, true)
	os.Remove(path)
	var notes []string
	if _, _, err := r.run(t, store, None, journal(&notes), -1); !errors.Is(err, output.ErrWrite) || !strings.Contains(err.Error(), path) {
		t.Errorf("removed during the run: %v", err)
	}
}

// A scratch file that took the place of a lost one is not what the old state file
// speaks of, though the run is the same.
func TestScratchIsNotItsSuccessor(t *testing.T) {
	r := newToy(t)
	want, _, err := r.run(t, NewMemory(r.be), None, nil, -1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(every time.Duration, killAt int) ([]float32, error) {
		got, _, err := r.run(t, r.scratch(t, dir, true), None, &Journal{Path: filepath.Join(dir, "state"), Key: "a", Every: every}, killAt)
		return got, err
	}
	if _, err := run(0, 4); err != errKilled {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "scratch"))
	second := r.scratch(t, dir, true).(*scratch) // dies by -9 before it saves anything
	trace, err := (&Journal{Path: filepath.Join(dir, "state"), Key: "a"}).restore(r.be, second, r.moving)
	if err != nil || len(trace) != 0 {
		t.Fatalf("%d steps of a lost file, %v", len(trace), err)
	}
	if err := eachArray(second, r.moving, true, func(b backend.Buffer) error {
		r.be.Axpby(b, 0, b, 0)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	second.counts = true // -9 deletes nothing
	second.Free()
	got, err := run(0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if !same(got, want) {
		t.Error("the run went on from a file that was never saved")
	}
}

// Places that no array has are not taken, nor too few or too many.
func TestAdoptChecksPlaces(t *testing.T) {
	r := newToy(t)
	store := r.scratch(t, t.TempDir(), true).(*scratch)
	defer store.Free()
	if err := store.begin(); err != nil {
		t.Fatal(err)
	}
	if err := store.file.Truncate(store.Bytes(r.moving)); err != nil {
		t.Fatal(err)
	}
	n := 2 * len(r.moving)
	with := func(n int, at ...int) []int {
		places := make([]int, n)
		copy(places, at)
		return places
	}
	for name, c := range map[string]struct {
		places []int
		want   bool
	}{
		"all first": {with(n), true}, "none and second": {with(n, unwritten, 1), true}, "a third": {with(n, 2), false}, "below none": {with(n, unwritten-1), false},
		"too few": {with(n - 1), false}, "too many": {with(n + 1), false},
	} {
		if got := store.adopt(store.mark, c.places); got != c.want {
			t.Errorf("%s: taken %v", name, got)
		}
	}
	if store.adopt("", with(n)) || store.adopt("x"+store.mark[1:], with(n)) {
		t.Error("another mark is taken for this one's")
	}
}

// Whenever a file begins anew it gets a mark that no other has, at its start.
func TestMarksDiffer(t *testing.T) {
	r, seen := newToy(t), map[string]bool{}
	for range 3 {
		store := r.scratch(t, t.TempDir(), true).(*scratch)
		for range 3 {
			if err := store.begin(); err != nil {
				t.Fatal(err)
			}
			marked := make([]byte, len(store.mark))
			if _, err := store.file.ReadAt(marked, 0); err != nil || string(marked) != store.mark || len(marked) < 20 || seen[store.mark] {
				t.Errorf("mark %q, the file has %q, seen before %v; %v", store.mark, marked, seen[store.mark], err)
			}
			seen[store.mark] = true
		}
		store.Free()
	}
}
