package moreau

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

// A scratch file gives the bits that memory gives, and leaves nothing behind.
func TestScratchIsMemory(t *testing.T) {
	r := newToy(t)
	for _, threshold := range []Threshold{None, CoupledUnits, Rows} {
		want, _, err := r.run(t, NewMemory(r.be), threshold, nil, -1)
		if err != nil {
			t.Fatal(err)
		}
		for _, keep := range []bool{false, true} {
			dir := t.TempDir()
			got, _, err := r.run(t, r.scratch(t, dir, keep), threshold, nil, -1)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, want) {
				t.Errorf("threshold %d: the scratch file gives other values", threshold)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

func (r *toy) scratch(t *testing.T, dir string, keep bool) Store {
	t.Helper()
	store, err := NewScratch(r.be, ScratchFile{Path: filepath.Join(dir, "scratch"), DType: tensor.F32, Keep: keep}, r.moving)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A state in bf16 comes near to one in float32, and is not the same.
func TestScratchRounds(t *testing.T) {
	r := newToy(t)
	want, _, err := r.run(t, NewMemory(r.be), None, nil, -1)
	if err != nil {
		t.Fatal(err)
	}
	store, err := NewScratch(r.be, ScratchFile{Path: filepath.Join(t.TempDir(), "scratch"), DType: tensor.BF16}, r.moving)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := r.run(t, store, None, nil, -1)
	if err != nil {
		t.Fatal(err)
	}
	var off, size float64
	for i := range got {
		off += math.Pow(float64(got[i]-want[i]), 2)
		size += math.Pow(float64(want[i]), 2)
	}
	if rel := math.Sqrt(off / size); rel == 0 || rel > 0.01 {
		t.Errorf("relative difference %g, want up to 0.01 and not 0", rel)
	}
}

// Two runs do not write to one scratch file.
func TestScratchIsLocked(t *testing.T) {
	r := newToy(t)
	path := filepath.Join(t.TempDir(), "scratch")
	first, err := NewScratch(r.be, ScratchFile{Path: path, DType: tensor.F32, Keep: true}, r.moving)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Free()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: no locks here")
	}
	if _, err := NewScratch(r.be, ScratchFile{Path: path, DType: tensor.F32, Keep: true}, r.moving); !errors.Is(err, output.ErrWrite) || !strings.Contains(err.Error(), "another run") {
		t.Errorf("error %v", err)
	}
}

// What was read ahead is not what a later Open gives if the array changed in between,
// whether or not the change has reached the disk.
func TestScratchReadsItsWrites(t *testing.T) {
	r := newToy(t)
	store, p := r.scratch(t, t.TempDir(), false), r.moving[0]
	defer store.Free()
	set := func(v float32) {
		b, err := store.Open(Delta, p)
		if err != nil {
			t.Fatal(err)
		}
		store.Ahead(Delta, p) // of the values before
		r.be.Upload(b, func(part []float32, _ int) {
			for i := range part {
				part[i] = v
			}
		})
		if err := store.Close(Delta, p, b, true); err != nil {
			t.Fatal(err)
		}
	}
	for v := range 20 {
		set(float32(v))
		if v%2 == 0 {
			store.(*scratch).settled()
		}
		b, err := store.Open(Delta, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := goldentest.Host(r.be, b)[p.Len()-1]; got != float32(v) {
			t.Fatalf("%g was read after %d was written", got, v)
		}
		if err := store.Close(Delta, p, b, false); err != nil {
			t.Fatal(err)
		}
	}
}

// The error of a write behind the computation is that of a later call.
func TestScratchWriteFails(t *testing.T) {
	r := newToy(t)
	store := r.scratch(t, t.TempDir(), false)
	store.(*scratch).file.Close()
	_, _, err := r.run(t, store, None, nil, -1)
	if !errors.Is(err, output.ErrWrite) {
		t.Errorf("error %v", err)
	}
}
