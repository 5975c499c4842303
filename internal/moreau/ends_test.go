package moreau

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/transformer"
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

// unreliable is a Store whose call number good fails, the first counted as 0.
type unreliable struct {
	Store
	good int
}

var errUnreliable = errors.New("unreliable")

func (u *unreliable) fails() error {
	if u.good--; u.good == -1 {
		return errUnreliable
	}
	return nil
}

func (u *unreliable) Open(a Array, p model.Param) (backend.Buffer, error) {
	if err := u.fails(); err != nil {
		return nil, err
	}
	return u.Store.Open(a, p)
}

func (u *unreliable) Close(a Array, p model.Param, b backend.Buffer, changed bool) error {
	if !changed { // nothing is written, so nothing fails
		return u.Store.Close(a, p, b, changed)
	}
	return errors.Join(u.Store.Close(a, p, b, changed), u.fails())
}

// Whatever array cannot be read or written, the run ends with that error and with no result, and gives its memory back.
func TestStoreFails(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	moving := g.Config.Params()[1:8]
	for _, threshold := range []Threshold{None, CoupledUnits, Rows} {
		try := func(good int) (int, int64, []Trace, error) {
			be := dry.New()
			store := &unreliable{NewMemory(be), good}
			tr, w := transformer.New(be, g.Config), transformer.NewDry(be, checkpoint.Memory{})
			objective := func(ctx context.Context, _ int, w transformer.WeightSource, sink transformer.GradSink) (float64, error) {
				return tr.LossAndGrad(ctx, g.Batch(t), w, sink)
			}
			trace, err := Run(t.Context(), be, g.Config, w, moving, objective,
				Options{Steps: 2, Avg: 1, Std: 0.05, LR: 0.05, Rho: 0.5, Eta: 0.003, Threshold: threshold, Noise: Counter(be, 7), Store: store}, nil)
			store.Free()
			return store.good, be.Live(), trace, err
		}
		_, tables, _, _ := try(-1) // of positions, which stay
		for good := 0; ; good++ {
			left, live, trace, err := try(good)
			if live > tables {
				t.Fatalf("threshold %d, call %d fails: %d bytes are not given back", threshold, good, live-tables)
			}
			if left >= 0 { // it was not reached
				if err != nil || good < 4*len(moving) {
					t.Errorf("threshold %d: %v after %d calls", threshold, err, good)
				}
				break
			}
			if !errors.Is(err, errUnreliable) || trace != nil {
				t.Fatalf("threshold %d: call %d fails: %v", threshold, good, err)
			}
		}
	}
}
