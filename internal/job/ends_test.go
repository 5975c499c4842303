package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// meddling does something when the first phase of a kind ends.
type meddling struct {
	heard
	phase Phase
	do    func()
}

func (m *meddling) End(result float64) {
	m.heard.End(result)
	if m.do != nil && m.phases[len(m.phases)-1] == m.phase {
		m.do()
		m.do = nil
	}
}

// What was computed is not lost with a result that could not be written: the files from which
// the same run continues go after the result is there, not before.
func TestFailedEndKeepsTheState(t *testing.T) {
	scoring := quick("moreau")
	scoring.JournalEvery = 0
	for _, tt := range []struct {
		name, out, state string
		phase            Phase
		run              func(out string, progress Progress) error
	}{
		{"score", "s.json", ".s.json.moreau-state", Scoring, func(out string, progress Progress) error {
			j, err := NewScore(load.Builtin, mustCPU(t), ScoreOptions{Scoring: scoring, Out: out})
			if err != nil {
				return err
			}
			defer j.Close()
			p, err := j.Plan()
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), p, progress)
			return err
		}},
		{"prune", "m.gguf", ".m.gguf.moreau-state", Scoring, func(out string, progress Progress) error {
			j, err := NewPrune(load.Builtin, mustCPU(t), PruneOptions{Scoring: scoring, NoEval: true, Budget: BudgetOptions{Ratio: 0.2, Align: AutoAlign},
				Out: OutOptions{Path: out}})
			if err != nil {
				return err
			}
			defer j.Close()
			p, err := j.Plan(t.Context())
			if err != nil {
				return err
			}
			_, err = j.Execute(t.Context(), p, progress)
			return err
		}},
		{"eval", "r.json", ".r.json.moreau-answers", Perplexity, func(out string, progress Progress) error {
			j, err := NewEval([]string{load.Builtin}, mustCPU(t), EvalOptions{Texts: &TextOptions{Seq: 32, Chunks: 2}, Mean: "papers", Out: out})
			if err != nil {
				return err
			}
			defer j.Close()
			_, err = j.Execute(t.Context(), j.Plan(), progress)
			return err
		}},
	} {
		dir := t.TempDir()
		out, state := filepath.Join(dir, tt.out), filepath.Join(dir, tt.state)
		err := tt.run(out, &meddling{phase: tt.phase, do: func() { put(t, out, "another program's") }})
		if !errors.Is(err, output.ErrExists) {
			t.Errorf("%s: %v, want that the output exists", tt.name, err)
		}
		if data, err := os.ReadFile(out); err != nil || string(data) != "another program's" {
			t.Errorf("%s: the file that appeared holds %.20q, %v", tt.name, data, err)
		}
		if _, err := os.Stat(state); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := os.Remove(out); err != nil {
			t.Fatal(err)
		}
		if err := tt.run(out, &heard{}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s leaves %v, %v", tt.name, entries, err)
		}
	}
}

// Files of many gigabytes are not read to their end after an interruption.
func TestHashingIsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	put(t, path, strings.Repeat("a", 40<<20))
	ctx, cancel := context.WithCancel(t.Context())
	h := &stopping{cancel: cancel, after: 1}
	if _, err := hashWeights(ctx, &load.Model{Path: path, Format: load.GGUF}, h); !errors.Is(err, context.Canceled) || len(h.done) != 1 {
		t.Errorf("%v after %v of %d bytes", err, h.done, h.total)
	}
}

// Whose fault an error of a run is: the model's where its weights are not what can be
// computed with or written, and nobody's that the error does not say.
func TestBlame(t *testing.T) {
	good := builtinModel(t)
	name := good.Config.Params()[3].Name
	x, err := good.Weights.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	values := x.Float32()
	values[7] = float32(math.NaN())
	spoilt := checkpoint.Memory{name: tensor.FromFloat32(tensor.F32, x.Shape, values)}
	over, err := checkpoint.Override(good.Weights, spoilt.Tensors(), spoilt.Read)
	if err != nil {
		t.Fatal(err)
	}
	bad := &load.Model{Path: "bad", Config: good.Config, Weights: over}
	notFinite := fmt.Errorf("step 3: %w", transformer.ErrNotFinite)
	for what, c := range map[string]struct {
		m    *load.Model
		err  error
		want error
		says string
	}{
		"a value that the type does not hold": {good, fmt.Errorf("writing: %w", &export.ValueError{Value: 1e6, DType: tensor.F16}), ErrInput, load.Builtin + ": writing: "},
		"NaN of bad weights":                  {bad, notFinite, ErrInput, "bad: tensor " + name + " holds NaN"},
		"NaN of good weights":                 {good, notFinite, transformer.ErrNotFinite, "step 3"},
		"another":                             {bad, context.Canceled, context.Canceled, "canceled"},
	} {
		err := Blame(c.m, c.err)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || c.want != ErrInput && err != c.err {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Answers in the journal that are not as many as a question has choices are measured again.
func TestJournalOfOtherAnswers(t *testing.T) {
	data, dir := records(t), t.TempDir()
	want, _, err := evaluate(t.Context(), t, data, filepath.Join(dir, "whole.json"), 2, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := filepath.Join(dir, "r.json")
	if _, _, err := evaluate(ctx, t, data, out, 2, &cancelling{cancel: cancel, ends: 2}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	journal := filepath.Join(dir, ".r.json.moreau-answers")
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	lines, changed := strings.SplitAfter(string(text), "\n"), 0
	for i, line := range lines {
		if from, to := strings.Index(line, `{"loglikelihood"`), strings.LastIndex(line, `,{"loglikelihood"`); from >= 0 && to > from {
			lines[i] = line[:from] + line[to+1:] // the last answer alone
			changed++
		}
	}
	put(t, journal, strings.Join(lines, ""))
	if got, _, err := evaluate(t.Context(), t, data, out, 2, &heard{}); err != nil || got != want || changed < 10 {
		t.Errorf("other results behind a journal of which %d lines lack answers; %v", changed, err)
	}
}
