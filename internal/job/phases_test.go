package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/load"
)

// contract is a Progress that holds a job to what Progress says.
type contract struct {
	of     string // the job
	t      *testing.T
	phases []Phase
	open   bool
	done   []int64
	total  int64
}

func (c *contract) what() string { return fmt.Sprintf("%s, %v", c.of, c.phases) }

func (c *contract) Begin(p Phase, _ string, total int64) {
	if c.phases = append(c.phases, p); c.open || total < 1 {
		c.t.Errorf("%s: begins with a total of %d while another is open: %t", c.what(), total, c.open)
	}
	c.open, c.done, c.total = true, nil, total
}

func (c *contract) At(done int64) { c.done = append(c.done, done) }

// End checks that what was told rose to the total, which stood there for the end alone: where
// there were several parts, the first was not all.
func (c *contract) End(float64) {
	if !c.open || len(c.done) == 0 || !slices.IsSorted(c.done) || c.done[0] < 0 || c.done[len(c.done)-1] != c.total ||
		c.total > 1 && len(slices.Compact(slices.Clone(c.done))) > 1 && slices.Index(c.done, c.total) < min(len(c.done)/2, len(c.done)-2) {
		c.t.Errorf("%s: told %v of %d", c.what(), c.done, c.total)
	}
	c.open = false
}

// Note says nothing of continuing, since no run does here.
func (c *contract) Note(line string) {
	if strings.Contains(line, "continuing") {
		c.t.Errorf("%s: notes %q", c.what(), line)
	}
}

// phased is a job with its phases.
type phased struct {
	name   string
	phases []Phase
	out    string // what it writes, "" for nothing
	run    func(context.Context, Progress) error
}

// phasedJobs are those that measure, score, write or time; they write in dir, and the first
// makes a model that others read.
func phasedJobs(t *testing.T, dir string) []phased {
	data := records(t)
	be := mustCPU(t)
	docs := filepath.Join(dir, "docs.jsonl")
	put(t, docs, `{"text": "Once upon a time."}`+"\n"+`{"text": "There was a cat."}`+"\n"+`{"text": "It sat."}`)
	out := func(name string) OutOptions { return OutOptions{Path: filepath.Join(dir, name), ShardBytes: 300e3} }
	eval := func(model string, o EvalOptions) func(context.Context, Progress) error {
		return func(ctx context.Context, progress Progress) error {
			o.Mean = "papers"
			j, err := NewEval([]string{model}, be, o)
			if err != nil {
				return err
			}
			defer j.Close()
			_, err = j.Execute(ctx, j.Plan(), progress)
			return err
		}
	}
	return []phased{
		{"convert", []Phase{Writing}, filepath.Join(dir, "model"), func(ctx context.Context, progress Progress) error {
			j, err := NewConvert(load.Builtin, out("model"))
			if err != nil {
				return err
			}
			defer j.Close()
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(ctx, p, progress)
			return err
		}},
		{"eval of rows", []Phase{Perplexity}, "", eval(load.Builtin, EvalOptions{Texts: &TextOptions{Seq: 512, Chunks: 9}})},
		{"eval of documents", []Phase{Perplexity}, "", eval(load.Builtin, EvalOptions{Texts: &TextOptions{Files: []NamedFile{{"docs", docs}}, Protocol: "rolling", Seq: 8}})},
		{"eval of tasks", []Phase{Answering, Answering}, filepath.Join(dir, "r.json"), eval(filepath.Join(dir, "model"), EvalOptions{Tasks: TaskOptions{Names: []string{"piqa", "openbookqa"}, Data: data}, Out: filepath.Join(dir, "r.json")})},
		{"eval of speed", []Phase{TimingGeneration}, "", eval(load.Builtin, EvalOptions{Speed: &SpeedOptions{Prompt: 8, Tokens: 4, Rounds: 3}})},
		{"synth", []Phase{Writing}, filepath.Join(dir, "random"), func(ctx context.Context, progress Progress) error {
			j, err := NewSynth(SynthOptions{Like: load.Builtin, Out: out("random")})
			if err != nil {
				return err
			}
			defer j.Close()
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(ctx, p, progress)
			return err
		}},
		{"score", []Phase{Scoring}, filepath.Join(dir, "s.json"), func(ctx context.Context, progress Progress) error {
			j := newScore(t, quick("moreau"), filepath.Join(dir, "s.json"))
			defer j.Close()
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(ctx, p, progress)
			return err
		}},
		{"score of own text", []Phase{Drawing, Scoring}, filepath.Join(dir, "own.json"), func(ctx context.Context, progress Progress) error {
			o := quick("taylor")
			o.Calib.Text, o.Calib.Rows = "self", 80
			j := newScore(t, o, filepath.Join(dir, "own.json"))
			defer j.Close()
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(ctx, p, progress)
			return err
		}},
		{"imatrix", []Phase{Weighing}, filepath.Join(dir, "i.gguf"), func(ctx context.Context, progress Progress) error {
			o := DefaultImatrix()
			o.Calib.Rows, o.Out = 20, filepath.Join(dir, "i.gguf")
			j, err := NewImatrix(load.Builtin, be, o)
			if err != nil {
				return err
			}
			defer j.Close()
			_, err = j.Execute(ctx, progress)
			return err
		}},
		{"bench", []Phase{TimingStep, TimingOps}, "", func(ctx context.Context, progress Progress) error {
			j, err := NewBench(be, nil, BenchOptions{Like: []string{load.Builtin}, Rows: 1, SeqLen: 8})
			if err != nil {
				return err
			}
			_, err = j.Execute(ctx, j.Plan(), progress)
			return err
		}},
	}
}

// Every phase of every job tells its progress as Progress says.
func TestProgressOfEveryPhase(t *testing.T) {
	for _, job := range phasedJobs(t, t.TempDir()) {
		c := &contract{of: job.name, t: t}
		if err := job.run(t.Context(), c); err != nil {
			t.Errorf("%s: %v", job.name, err)
		}
		if !slices.Equal(c.phases, job.phases) || c.open {
			t.Errorf("%s: phases %v, want %v; open: %t", job.name, c.phases, job.phases, c.open)
		}
	}
}

// interrupting cancels when a phase, counted from 0, begins.
type interrupting struct {
	heard
	cancel context.CancelFunc
	phase  int
}

func (i *interrupting) Begin(p Phase, of string, total int64) {
	i.heard.Begin(p, of, total)
	if len(i.phases) == i.phase+1 {
		i.cancel()
	}
}

// Every phase of every job ends soon after an interruption, and so does the job: no next phase, no output.
func TestEveryPhaseIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	for _, job := range phasedJobs(t, dir) {
		for phase := range job.phases {
			ctx, cancel := context.WithCancel(t.Context())
			p := &interrupting{cancel: cancel, phase: phase}
			err := job.run(ctx, p)
			cancel()
			if !errors.Is(err, context.Canceled) || len(p.phases) != phase+1 || len(p.ends) != phase || len(p.done) > 2 {
				t.Errorf("%s, phase %d: %v after %d phases, %d of which ended, and %d more calls", job.name, phase, err, len(p.phases), len(p.ends), len(p.done))
			}
			if _, err := os.Stat(job.out); job.out != "" && err == nil {
				t.Errorf("%s, phase %d: there is an output", job.name, phase)
			}
		}
		if job.name == "convert" {
			if err := job.run(t.Context(), &heard{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
