package job

import (
	"fmt"
	"path/filepath"
	"slices"
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

func (c *contract) Note(string) {}

// Every phase of every job that measures, scores, writes or times tells its progress as Progress says.
func TestProgressOfEveryPhase(t *testing.T) {
	dir, data := t.TempDir(), records(t)
	be := mustCPU(t)
	docs := filepath.Join(dir, "docs.jsonl")
	put(t, docs, `{"text": "Once upon a time."}`+"\n"+`{"text": "There was a cat."}`+"\n"+`{"text": "It sat."}`)
	out := func(name string) OutOptions { return OutOptions{Path: filepath.Join(dir, name), ShardBytes: 300e3} }
	eval := func(model string, o EvalOptions) func(Progress) error {
		return func(progress Progress) error {
			o.Mean = "papers"
			j, err := NewEval([]string{model}, be, o)
			if err != nil {
				return err
			}
			defer j.Close()
			_, err = j.Execute(t.Context(), j.Plan(), progress)
			return err
		}
	}
	for _, job := range []struct {
		name   string
		phases []Phase
		run    func(Progress) error
	}{
		{"convert", []Phase{Writing}, func(progress Progress) error {
			j, err := NewConvert(load.Builtin, out("model"))
			if err != nil {
				return err
			}
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), p, progress)
			return err
		}},
		{"eval of rows", []Phase{Perplexity}, eval(load.Builtin, EvalOptions{Texts: &TextOptions{Seq: 512, Chunks: 9}})},
		{"eval of documents", []Phase{Perplexity}, eval(load.Builtin, EvalOptions{Texts: &TextOptions{Files: []NamedFile{{"docs", docs}}, Protocol: "rolling", Seq: 8}})},
		{"eval of tasks", []Phase{Answering, Answering}, eval(filepath.Join(dir, "model"), EvalOptions{Tasks: TaskOptions{Names: []string{"piqa", "openbookqa"}, Data: data}, Out: filepath.Join(dir, "r.json")})},
		{"synth", []Phase{Writing}, func(progress Progress) error {
			j, err := NewSynth(SynthOptions{Like: load.Builtin, Out: out("random")})
			if err != nil {
				return err
			}
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), p, progress)
			return err
		}},
		{"score", []Phase{Scoring}, func(progress Progress) error {
			j := newScore(t, quick("moreau"), filepath.Join(dir, "s.json"))
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), p, progress)
			return err
		}},
		{"bench", []Phase{TimingStep, TimingOps}, func(progress Progress) error {
			j, err := NewBench(be, nil, BenchOptions{Like: []string{load.Builtin}, Rows: 1, SeqLen: 8})
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), j.Plan(), progress)
			return err
		}},
	} {
		c := &contract{of: job.name, t: t}
		if err := job.run(c); err != nil {
			t.Errorf("%s: %v", job.name, err)
		}
		if !slices.Equal(c.phases, job.phases) || c.open {
			t.Errorf("%s: phases %v, want %v; open: %t", job.name, c.phases, job.phases, c.open)
		}
	}
}
