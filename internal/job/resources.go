package job

import (
	"fmt"
	"path/filepath"
	"runtime/debug"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// ScoringPlan says what a scoring run will do and take.
type ScoringPlan struct {
	Manifest importance.Manifest // but for the kernels and the losses
	Passes   int                 // over Rows x SeqLen tokens, rows padded to the longest
	Rows     int
	SeqLen   int
	RAM      int64      // resident bytes of the process; 0: next to none
	Keep     int64      // bytes of activations that Memory has room for
	Memory   int64      // most bytes to use, 0: no bound
	State    *StatePlan // nil: the method keeps none

	self string // where rows of the model's own text are kept
}

// plan decides where the state of the run lives: in memory, or in a scratch file when one
// is asked for or the bound of memory leaves no room; out is the output, beside which scratch
// and state files go.
func (s *scoring) plan(out string) (*ScoringPlan, error) {
	p := &ScoringPlan{Manifest: s.manifest(), Memory: s.o.Memory, self: selfStore(out)}
	if s.calib != nil {
		p.Passes, p.Rows, p.SeqLen = s.method.Needs.PassCount(s.run), s.calib.per, s.calib.longest()
	}
	if s.method.Needs.State {
		p.State = newState(s.method.Needs.Moving(s.m.Config, s.run.Layers), s.o.JournalEvery)
		if dir := s.scratchFolder(out); dir != "" {
			p.State.toDisk(dir, out, s.o.State)
		}
	}
	if err := s.fitMemory(p, out); err != nil {
		return nil, err
	}
	if s.calib != nil {
		p.RAM = resident(s.m.Config, s.bytes(p))
	}
	if p.State == nil {
		return p, nil
	}
	return p, p.State.fit(out, output.FreeBytes)
}

// scratchFolder is where the state goes whatever the memory, "" for nowhere.
func (s *scoring) scratchFolder(out string) string {
	if s.o.Scratch == "" && s.o.State == tensor.BF16 {
		return filepath.Dir(out)
	}
	return s.o.Scratch
}

// fitMemory moves the state to the disk where memory is short, and keeps activations
// where it is not.
func (s *scoring) fitMemory(p *ScoringPlan, out string) error {
	if s.o.Memory == 0 {
		return nil
	}
	if resident(s.m.Config, s.bytes(p)) > s.o.Memory && p.State != nil && p.State.Scratch == "" {
		p.State.toDisk(filepath.Dir(out), out, s.o.State)
	}
	need := resident(s.m.Config, s.bytes(p))
	if need > s.o.Memory {
		return Usage(fmt.Errorf("--memory %s: the run needs %s even with its state on disk; lower --rows or --seq-len, or allow more", Size(s.o.Memory), Size(need)))
	}
	p.Keep = (s.o.Memory - need) * 5 / 8
	return nil
}

// bytes estimates the memory in use during the run.
func (s *scoring) bytes(p *ScoringPlan) int64 {
	if s.calib == nil {
		return 0
	}
	return max(s.calib.self.bytes(s.dense), s.method.Bytes(s.m.Config, s.m.Weights, s.run, p.Rows, p.SeqLen, p.Keep, p.State.scratchFile()))
}

// resident is the memory of the process when a model takes so many bytes: what waits to be
// collected, a tenth by the collector's setting and half of that again by its nature; the program, its
// libraries and stacks; and a tokenizer (docs/performance.md).
func resident(cfg *model.Config, bytes int64) int64 {
	const program, token = 23 << 20, 200
	return bytes + bytes*4/25 + program + token*int64(cfg.VocabSize)
}

// EvalBytes estimates the resident memory of measuring perplexity on rows of so many tokens.
func EvalBytes(m *load.Model, rows, seq int) int64 {
	return resident(m.Config, transformer.PassBytes(m.Config, m.Weights, rows, seq))
}

// bound makes the garbage collector keep to a number of bytes, 0 for none, until
// release is called.
func bound(bytes int64) (release func()) {
	if bytes == 0 {
		return func() {}
	}
	before := debug.SetMemoryLimit(bytes / 8 * 7)
	return func() { debug.SetMemoryLimit(before) }
}
