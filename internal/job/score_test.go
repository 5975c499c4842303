package job

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// heard is a Progress that remembers.
type heard struct {
	phases []Phase
	done   []int64 // of the last phase
	total  int64
	ends   []float64
	notes  []string
}

func (h *heard) Begin(p Phase, _ string, total int64) {
	h.phases, h.done, h.total = append(h.phases, p), nil, total
}
func (h *heard) At(done int64)      { h.done = append(h.done, done) }
func (h *heard) End(result float64) { h.ends = append(h.ends, result) }
func (h *heard) Note(line string)   { h.notes = append(h.notes, line) }

// quick are the settings of a short run.
func quick(method string) ScoringOptions {
	o := DefaultScoring()
	o.Method, o.Calib.Rows, o.Calib.SeqLen, o.Envelope.Steps = method, 3, 16, 2
	return o
}

// newScore is a scoring job of the built-in model.
func newScore(t *testing.T, o ScoringOptions, out string) *Score {
	t.Helper()
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	j, err := NewScore(load.Builtin, be, ScoreOptions{Scoring: o, Out: out, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// run plans and executes.
func run(t *testing.T, j *Score) (ScoreReport, *heard) {
	t.Helper()
	p, err := j.Plan()
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	r, err := j.Execute(t.Context(), p, h)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	return r, h
}

// A run without a state leaves alone what an interrupted one keeps beside the same output.
func TestStatelessRunKeepsTheStateOfAnother(t *testing.T) {
	for _, method := range []string{"random", "l1", "taylor", "mask"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "s.json")
		left := filepath.Join(dir, ".s.json.moreau-state")
		if err := os.WriteFile(left, []byte("state"), 0o666); err != nil {
			t.Fatal(err)
		}
		run(t, newScore(t, quick(method), out))
		if _, err := os.Stat(left); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		run(t, newScore(t, quick("moreau"), out))
		if _, err := os.Stat(left); err == nil {
			t.Errorf("the run with a state leaves %s", left)
		}
	}
}

// Nor does a run with a state that is over before it is saved.
func TestShortRunKeepsTheStateOfAnother(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "s.json")
	long := quick("moreau-gs")
	long.JournalEvery, long.Envelope.Steps = 0, 50
	j := newScore(t, long, out)
	p, err := j.Plan()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h := &stopping{cancel: cancel, after: 20}
	if _, err := j.Execute(ctx, p, h); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	j.Close()
	left := filepath.Join(dir, ".s.json.moreau-state")
	before, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	run(t, newScore(t, quick("moreau"), out))
	if after, err := os.ReadFile(left); err != nil || string(after) != string(before) {
		t.Errorf("the state of the interrupted run is gone or changed: %v", err)
	}
	run(t, newScore(t, long, out))
	if _, err := os.Stat(left); err == nil {
		t.Error("the run that went on from it leaves its state")
	}
}

// stopping interrupts a job after so many calls.
type stopping struct {
	heard
	cancel func()
	after  int
}

func (s *stopping) At(done int64) {
	s.heard.At(done)
	if len(s.done) == s.after {
		s.cancel()
	}
}

// What is planned is what is done, and progress rises to the total and reaches it only at the end.
func TestProgressOfScoring(t *testing.T) {
	for _, tt := range []struct {
		method, salience string
	}{{"taylor", "element1"}, {"taylor", "element2"}, {"taylor", "mix"}, {"mask", "element1"}, {"moreau", "element1"}, {"smoothgrad", "vector"}} {
		o := quick(tt.method)
		o.Salience = tt.salience
		r, h := run(t, newScore(t, o, filepath.Join(t.TempDir(), "s.json")))
		last := int64(0)
		for i, d := range h.done {
			if d < last || d > h.total || (d == h.total && i < len(h.done)-2) {
				t.Errorf("%v: %d of %d at call %d of %d, after %d", tt, d, h.total, i+1, len(h.done), last)
			}
			last = d
		}
		if last != h.total || len(h.ends) != 1 || math.IsNaN(h.ends[0]) {
			t.Errorf("%v: ends at %d of %d, %v", tt, last, h.total, h.ends)
		}
		if n := len(r.Manifest.Trace); h.ends[0] != r.Manifest.Trace[n-1].Loss {
			t.Errorf("%v: the last loss is %g, the trace says %v", tt, h.ends[0], r.Manifest.Trace)
		}
	}
}

// The journal's key changes with the settings and with the files of the model.
func TestJournalKey(t *testing.T) {
	dir := t.TempDir()
	c, err := NewConvert(load.Builtin, OutOptions{Path: filepath.Join(dir, "m.gguf")})
	if err != nil {
		t.Fatal(err)
	}
	files, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Execute(t.Context(), files, &heard{}); err != nil {
		t.Fatal(err)
	}
	key := func(change func(o *ScoringOptions)) string {
		m, err := load.Open(files.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		o := quick("moreau")
		change(&o)
		s, err := newScoring(m, o, m.Config.AllLayers())
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.plan(filepath.Join(dir, "s.json"))
		if err != nil {
			t.Fatal(err)
		}
		return p.State.journal(m, p.Manifest, &heard{}).Key
	}
	same := func(*ScoringOptions) {}
	first := key(same)
	if key(same) != first {
		t.Error("the same run has another key")
	}
	for name, change := range map[string]func(o *ScoringOptions){
		"seed":   func(o *ScoringOptions) { o.Seed = 2 },
		"method": func(o *ScoringOptions) { o.Method = "moreau-gs" },
		"eta":    func(o *ScoringOptions) { o.Envelope.Eta = 1 },
		"rows":   func(o *ScoringOptions) { o.Calib.Rows = 2 },
		"state":  func(o *ScoringOptions) { o.State = tensor.BF16 },
	} {
		if key(change) == first {
			t.Errorf("another %s has the same key", name)
		}
	}
	info, err := os.Stat(files.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(files.Path, info.ModTime(), info.ModTime().Add(1e6)); err != nil {
		t.Fatal(err)
	}
	if key(same) == first {
		t.Error("weights written a millisecond later have the same key")
	}
}
