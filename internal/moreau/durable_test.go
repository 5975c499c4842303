package moreau

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moreau/internal/goldentest"
)

// witness checks, at every write to a kept scratch file and every sync, what the state
// file beside it says at that moment.
type witness struct {
	disk
	s      *scratch
	state  string // path of the state file
	last   []byte // as it was at the last call
	places map[int64]int64
	dirty  bool // written to since the last sync
	syncs  int
	saves  int
	wrong  []string
}

// look notes a new state file: what it points at must have been on the disk before.
func (w *witness) look() {
	now, _ := os.ReadFile(w.state)
	if bytes.Equal(now, w.last) {
		return
	}
	w.last = now
	w.saves++
	if w.dirty {
		w.wrong = append(w.wrong, fmt.Sprintf("save %d points at values that were not synced", w.saves))
	}
	var head journalHead
	line, _, _ := bytes.Cut(now, []byte("\n"))
	if err := json.Unmarshal(line, &head); err != nil {
		w.wrong = append(w.wrong, err.Error())
	}
	w.places = map[int64]int64{}
	for i, r := range w.s.inOrder() {
		if place := head.Places[i]; place != unwritten {
			at := r.at + int64(place)*w.s.stride
			w.places[at] = at + r.size
		}
	}
}

func (w *witness) WriteAt(data []byte, at int64) (int, error) {
	w.look()
	for lo, hi := range w.places {
		if at < hi && at+int64(len(data)) > lo {
			w.wrong = append(w.wrong, fmt.Sprintf("save %d counts on [%d, %d), which is written to", w.saves, lo, hi))
		}
	}
	w.dirty = true
	return w.disk.WriteAt(data, at)
}

func (w *witness) Sync() error {
	w.look()
	w.dirty = false
	w.syncs++
	return w.disk.Sync()
}

// The state file never points at values that are not on the disk yet, and what it
// points at is not written to until it points elsewhere: a machine may stop at any time.
func TestCommitOrder(t *testing.T) {
	r := newToy(t)
	for _, threshold := range []Threshold{None, CoupledUnits} {
		dir := t.TempDir()
		store := r.scratch(t, dir, true).(*scratch)
		w := &witness{disk: store.file, s: store, state: filepath.Join(dir, "state")}
		store.file = w
		if _, _, err := r.run(t, store, threshold, &Journal{Path: w.state, Key: "a"}, -1); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range w.wrong {
			t.Errorf("threshold %d: %s", threshold, wrong)
		}
		if w.saves != 4 || w.syncs != 4 {
			t.Errorf("threshold %d: %d saves seen, %d syncs, want one after each step but the last", threshold, w.saves, w.syncs)
		}
	}
}

// held is a disk whose writes wait for leave.
type held struct {
	disk
	leave chan struct{}
}

func (h *held) WriteAt(data []byte, at int64) (int, error) {
	<-h.leave
	return h.disk.WriteAt(data, at)
}

// What is on its way to the disk is not read ahead from it: that would be the values before.
func TestAheadOfPendingWrite(t *testing.T) {
	r := newToy(t)
	store, p := r.scratch(t, t.TempDir(), false).(*scratch), r.moving[0]
	h := &held{store.file, make(chan struct{}, 10)}
	store.file = h
	defer store.Free()
	value := func() float32 {
		b, err := store.Open(Delta, p)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close(Delta, p, b, false)
		return goldentest.Host(r.be, b)[p.Len()-1]
	}
	set := func(v float32) {
		b := r.be.New(p.Len())
		r.be.Upload(b, func(part []float32, _ int) {
			for i := range part {
				part[i] = v
			}
		})
		if err := store.Close(Delta, p, b, true); err != nil {
			t.Fatal(err)
		}
	}
	h.leave <- struct{}{}
	set(1)
	if err := store.settled(); err != nil {
		t.Fatal(err)
	}
	set(2) // waits
	store.Ahead(Delta, p)
	if got := value(); got != 2 {
		t.Errorf("%g is read while 2 is on its way", got)
	}
	if coming := store.arrays[arrayOf{Delta, p.Name}].coming; coming != nil {
		coming <- <-coming // it has been read
	}
	h.leave <- struct{}{}
	if err := store.settled(); err != nil {
		t.Fatal(err)
	}
	if got := value(); got != 2 {
		t.Errorf("%g is read after 2 was written", got)
	}
	h.leave <- struct{}{}
	set(3)
	if got := value(); got != 3 {
		t.Errorf("%g is read after 3 was written", got)
	}
}

// A second write of an array waits for the first, and until it is on the disk its values are read, not those before.
func TestSecondWriteWaits(t *testing.T) {
	r := newToy(t)
	store, p := r.scratch(t, t.TempDir(), false).(*scratch), r.moving[0]
	h := &held{store.file, make(chan struct{}, 10)}
	store.file = h
	defer store.Free()
	set := func(v float32) {
		b := r.be.New(p.Len())
		r.be.Upload(b, func(part []float32, _ int) {
			for i := range part {
				part[i] = v
			}
		})
		if err := store.Close(Delta, p, b, true); err != nil {
			t.Error(err)
		}
	}
	set(1)
	second := make(chan struct{})
	go func() { set(2); close(second) }()
	select {
	case <-second:
		t.Error("the second write does not wait for the first")
	case <-time.After(20 * time.Millisecond):
	}
	h.leave <- struct{}{}
	<-second
	b, err := store.Open(Delta, p)
	if err != nil {
		t.Fatal(err)
	}
	if got := goldentest.Host(r.be, b)[p.Len()-1]; got != 2 {
		t.Errorf("%g is read after 2 was written", got)
	}
	store.Close(Delta, p, b, false)
	h.leave <- struct{}{}
}

// Where the places that a state file saved are not those of the scratch file, the run begins with zeros: no place is left from the attempt.
func TestBeginForgetsPlaces(t *testing.T) {
	r := newToy(t)
	store := r.scratch(t, t.TempDir(), true).(*scratch)
	defer store.Free()
	if err := store.begin(); err != nil {
		t.Fatal(err)
	}
	if err := store.file.Truncate(store.Bytes(r.moving)); err != nil {
		t.Fatal(err)
	}
	places := make([]int, 2*len(r.moving))
	places[len(places)-1] = 2 // the last has no third place
	if store.adopt(store.mark, places) {
		t.Fatal("a third place is taken")
	}
	if err := store.begin(); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.moving {
		for _, a := range []Array{Delta, Mean} {
			b, err := store.Open(a, p)
			if err != nil {
				t.Fatalf("array %d of %s: %v", a, p.Name, err)
			}
			if slices.ContainsFunc(goldentest.Host(r.be, b), func(v float32) bool { return v != 0 }) {
				t.Errorf("array %d of %s is not zero", a, p.Name)
			}
			store.Close(a, p, b, false)
		}
	}
}
