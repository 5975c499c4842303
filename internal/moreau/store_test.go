package moreau

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

var errKilled = errors.New("killed")

// toy is a run on a golden model that stops with errKilled before a step.
type toy struct {
	be     backend.Backend
	g      *goldentest.Golden
	moving []model.Param
	batch  transformer.Batch
}

func newToy(t *testing.T) *toy {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_gqa_rope3")
	return &toy{be: be, g: g, batch: g.Batch(t), moving: g.Config.Params()[1:8]}
}

// run returns the mean's values, all parameters in a row, and the trace.
func (r *toy) run(t *testing.T, store Store, threshold Threshold, journal *Journal, killAt int) ([]float32, []Trace, error) {
	t.Helper()
	defer store.Free()
	opts := Options{Steps: 5, Avg: 3, Std: 0.05, LR: 0.05, Rho: 0.5, Eta: 0.003, Threshold: threshold,
		Noise: Counter(r.be, 7), Store: store, Journal: journal}
	tr := transformer.New(r.be, r.g.Config)
	objective := func(ctx context.Context, step int, w transformer.WeightSource, sink transformer.GradSink) (float64, error) {
		if step == killAt {
			return 0, errKilled
		}
		return tr.LossAndGrad(ctx, r.batch, w, sink)
	}
	trace, err := Run(context.Background(), r.be, r.g.Config, transformer.NewStored(r.be, r.g.Weights), r.moving, objective, opts, nil)
	if err != nil {
		return nil, nil, err
	}
	var values []float32
	for _, p := range r.moving {
		mean, err := store.Open(Mean, p)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, goldentest.Host(r.be, mean)...)
	}
	return values, trace, nil
}

func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

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

// A run that dies before any step continues to the same bits.
func TestJournalContinues(t *testing.T) {
	r := newToy(t)
	for _, threshold := range []Threshold{None, CoupledUnits} {
		want, wantTrace, err := r.run(t, NewMemory(r.be), threshold, nil, -1)
		if err != nil {
			t.Fatal(err)
		}
		for killAt := range 5 {
			j := func() *Journal { return &Journal{Path: filepath.Join(t.TempDir(), "state"), Key: "a"} }()
			if _, _, err := r.run(t, NewMemory(r.be), threshold, j, killAt); err != errKilled {
				t.Fatal(err)
			}
			again := &Journal{Path: j.Path, Key: "a"}
			if killAt > 0 {
				if _, _, err := r.run(t, NewMemory(r.be), threshold, again, killAt-1); err != nil {
					t.Fatalf("step %d was not skipped: %v", killAt-1, err)
				}
			}
			got, trace, err := r.run(t, NewMemory(r.be), threshold, again, -1)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, want) || !slices.Equal(trace, wantTrace) {
				t.Errorf("threshold %d, killed before step %d: other results", threshold, killAt)
			}
		}
	}
}

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
		"removed":   func() error { return os.Remove(path) },
		"cut":       func() error { return os.Truncate(path, markBytes) },
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

// State of another run, or a damaged file, is not used.
func TestJournalIsChecked(t *testing.T) {
	r := newToy(t)
	path := filepath.Join(t.TempDir(), "state")
	begin := func(key string) error {
		_, _, err := r.run(t, NewMemory(r.be), None, &Journal{Path: path, Key: key, Every: time.Hour}, 0)
		return err // errKilled if step 0 is not skipped
	}
	if _, _, err := r.run(t, NewMemory(r.be), None, &Journal{Path: path, Key: "a"}, 2); err != errKilled {
		t.Fatal(err)
	}
	if err := begin("a"); err != nil {
		t.Errorf("whole state was not used: %v", err)
	}
	if err := begin("b"); err != errKilled {
		t.Errorf("state of another run was used: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	for name, damaged := range map[string][]byte{"flipped bit": data, "cut": data[:len(data)-40], "empty": nil} {
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := begin("a"); err != errKilled {
			t.Errorf("%s: damaged state was used: %v", name, err)
		}
	}
}
