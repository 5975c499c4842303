package moreau

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
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
	return &toy{be: goldentest.InPieces(be), g: g, batch: g.Batch(t), moving: g.Config.Params()[1:8]}
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
	trace, err := Run(context.Background(), r.be, r.g.Config, transformer.NewStreamed(r.be, r.g.Weights), r.moving, objective, opts, nil)
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

// A run that dies before any step continues to the same bits.
func TestJournalContinues(t *testing.T) {
	r := newToy(t)
	for _, threshold := range []Threshold{None, CoupledUnits} {
		want, wantTrace, err := r.run(t, NewMemory(r.be), threshold, nil, -1)
		if err != nil {
			t.Fatal(err)
		}
		for killAt := range 10 {
			newStore := func() Store { return NewMemory(r.be) }
			if killAt >= 5 { // a scratch file that goes with the process: the state file holds the arrays
				newStore = func() Store { return r.scratch(t, t.TempDir(), false) }
			}
			killAt := killAt % 5
			j := func() *Journal { return &Journal{Path: filepath.Join(t.TempDir(), "state"), Key: "a"} }()
			if _, _, err := r.run(t, newStore(), threshold, j, killAt); err != errKilled {
				t.Fatal(err)
			}
			again := &Journal{Path: j.Path, Key: "a"}
			if killAt > 0 {
				if _, _, err := r.run(t, newStore(), threshold, again, killAt-1); err != nil {
					t.Fatalf("step %d was not skipped: %v", killAt-1, err)
				}
			}
			got, trace, err := r.run(t, newStore(), threshold, again, -1)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, want) || !slices.Equal(trace, wantTrace) {
				t.Errorf("threshold %d, killed before step %d: other results", threshold, killAt)
			}
		}
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

// The state is saved no more often than asked, counted from the start of the run, and
// never after the last step: nobody continues from there.
func TestJournalEvery(t *testing.T) {
	r := newToy(t)
	for every, want := range map[time.Duration]int{0: 4, time.Hour: 0} {
		path := filepath.Join(t.TempDir(), "state")
		saves, last := 0, ""
		store := &watched{Store: NewMemory(r.be), look: func() {
			if data, err := os.ReadFile(path); err == nil && string(data) != last {
				saves, last = saves+1, string(data)
			}
		}}
		if _, _, err := r.run(t, store, None, &Journal{Path: path, Key: "a", Every: every}, -1); err != nil {
			t.Fatal(err)
		}
		store.look()
		if saves != want {
			t.Errorf("every %v: %d saves in five steps, want %d", every, saves, want)
		}
	}
}

// watched looks at the state file whenever an array is opened.
type watched struct {
	Store
	look func()
}

func (w *watched) Open(a Array, p model.Param) (backend.Buffer, error) {
	w.look()
	return w.Store.Open(a, p)
}

// A run that is done leaves neither state nor scratch file, and nothing else goes.
func TestJournalRemoves(t *testing.T) {
	for _, scratch := range []bool{false, true} {
		dir := t.TempDir()
		for _, name := range []string{"state", "scratch", "other"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		j, want := &Journal{Path: filepath.Join(dir, "state")}, []string{"other", "scratch"}
		if scratch {
			j.Scratch, want = filepath.Join(dir, "scratch"), []string{"other"}
		}
		j.Remove()
		(*Journal)(nil).Remove()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range entries {
			left = append(left, e.Name())
		}
		if !slices.Equal(left, want) {
			t.Errorf("with a scratch file %v: %v are left, want %v", scratch, left, want)
		}
	}
}

// A file of another format is not continued from, though its key is that of the run; what a
// killed process left of an unfinished one goes.
func TestJournalOfAnotherFormat(t *testing.T) {
	r := newToy(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if _, _, err := r.run(t, NewMemory(r.be), None, &Journal{Path: path, Key: "a"}, 2); err != errKilled {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Replace(data[:len(data)-sha256.Size], []byte(journalFormat), []byte("moreau-state 9"), 1)
	sum := sha256.Sum256(body)
	if err := os.WriteFile(path, append(body, sum[:]...), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".state.moreau-tmp-abc"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.run(t, NewMemory(r.be), None, &Journal{Path: path, Key: "a", Every: time.Hour}, 0); err != errKilled {
		t.Errorf("another format is continued from: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A run has a step, and averages one, at least.
func TestRunOfNothing(t *testing.T) {
	for _, o := range []Options{{Steps: 0, Avg: 1}, {Steps: 1, Avg: 0}, {Steps: -1, Avg: -1}} {
		if _, err := Run(context.Background(), nil, nil, nil, nil, nil, o, nil); err == nil {
			t.Errorf("%d steps averaging %d are no error", o.Steps, o.Avg)
		}
	}
}
