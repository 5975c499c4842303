package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// resourceOptions bound the memory of a scoring run and say how it survives a crash.
type resourceOptions struct {
	Memory       string
	Scratch      string
	State        string
	JournalEvery time.Duration
}

func (o *resourceOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Memory, "memory", "", "most memory to use, such as 16GiB: what is left over speeds the run up; the state of the envelope methods goes to a scratch file if it must")
	f.StringVar(&o.Scratch, "scratch", "", "folder for a scratch file that holds the state instead of memory")
	f.StringVar(&o.State, "state", o.State, "type of the state between uses, f32 or bf16; bf16 implies a scratch file, of half the size")
	f.DurationVar(&o.JournalEvery, "journal-every", 30*time.Second, "least time between saves of the state, from which the same command continues after a crash; 0 saves after every step")
}

// Types of the state.
const (
	stateF32  = "f32"
	stateBF16 = "bf16"
)

// parseBytes reads "16GiB", "500MB" or a plain number of bytes.
func parseBytes(flag, s string) (int64, error) {
	units := []struct {
		suffix string
		bytes  float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.TrimSpace(s), u.suffix)
		if !ok {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil && v > 0 && v < 1e6*(1<<40)/u.bytes {
			return int64(v * u.bytes), nil
		}
		break
	}
	return 0, usageError{fmt.Errorf("--%s %q: want a size such as 16GiB", flag, s)}
}

// place decides where the state of the run lives: in memory, or in a scratch
// file when one is asked for or --memory leaves no room; out is the output,
// beside which scratch and state files go.
func (s *scoring) place(cfg *model.Config, out string) error {
	o := s.opts.resourceOptions
	moving := s.moving(cfg)
	dir := o.Scratch
	if dir == "" && o.State == stateBF16 {
		dir = filepath.Dir(out)
	}
	if moving == nil {
		dir = ""
	}
	s.scratchIn(dir, out)
	if o.Memory != "" {
		most, err := parseBytes("memory", o.Memory)
		if err != nil {
			return err
		}
		if resident(s.bytes(cfg)) > most && moving != nil && s.scratch == nil {
			s.scratchIn(filepath.Dir(out), out)
		}
		need := resident(s.bytes(cfg))
		if need > most {
			return usageError{fmt.Errorf("--memory %s: the run needs %s even with its state on disk; lower --rows or --seq-len, or allow more", o.Memory, size(need))}
		}
		s.keep = (most - need) * 5 / 8
		debug.SetMemoryLimit(most / 8 * 7)
	}
	journal := &moreau.Journal{Path: filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-state"), Every: o.JournalEvery}
	if s.scratch != nil {
		if err := s.fitScratch(moving); err != nil {
			return err
		}
		if s.scratch.Keep {
			journal.Scratch, s.journal = s.scratch.Path, journal
		}
		return nil
	}
	// Two states exist while one replaces the other; a run that has no room for
	// them had better go on without than stop.
	if free, known := output.FreeBytes(filepath.Dir(out)); !known || free > 2*stateBytes(moving) {
		s.journal = journal
	}
	return nil
}

// moving are the parameters that the method keeps state of, if it does.
func (s *scoring) moving(cfg *model.Config) []model.Param {
	if !s.method.Needs.State {
		return nil
	}
	return s.method.Needs.Moving(cfg, s.run.Layers)
}

// stateBytes is delta and its mean in memory.
func stateBytes(moving []model.Param) int64 {
	var n int64
	for _, p := range moving {
		n += 2 * 4 * int64(p.Len())
	}
	return n
}

// scratchIn puts the state in a scratch file in dir, unless that is "". The name
// tells outputs of the same name in different folders apart.
func (s *scoring) scratchIn(dir, out string) {
	if dir == "" {
		return
	}
	folder, _ := filepath.Abs(filepath.Dir(out))
	sum := sha256.Sum256([]byte(folder))
	name := fmt.Sprintf(".%s-%x.moreau-scratch", filepath.Base(out), sum[:4])
	s.scratch = &moreau.ScratchFile{Path: filepath.Join(dir, name), DType: tensor.F32, Keep: true}
	if s.opts.State == stateBF16 {
		s.scratch.DType = tensor.BF16
	}
}

// fitScratch checks the folder before the work, and gives up continuing after a
// crash where there is no room for it.
func (s *scoring) fitScratch(moving []model.Param) error {
	f := s.scratch
	dir := filepath.Dir(f.Path)
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("--scratch %s: there is no such folder", dir)}
	}
	free, known := output.FreeBytes(dir)
	if _, err := os.Stat(f.Path); err == nil || !known {
		return nil // that of an interrupted run has its room already
	}
	if f.Keep = free >= f.Bytes(moving); free < f.Bytes(moving) {
		return outputError{fmt.Errorf("%s: the scratch file takes %s, %s are free; name another folder by --scratch, halve it by --state bf16, or score fewer --layers", dir, size(f.Bytes(moving)), size(free))}
	}
	return nil
}

// stateNote says where the state of the run is, and whether it outlives a crash.
func (s *scoring) stateNote(cfg *model.Config) string {
	moving := s.moving(cfg)
	if moving == nil {
		return ""
	}
	where := size(stateBytes(moving)) + " in memory"
	if f := s.scratch; f != nil {
		where = fmt.Sprintf("up to %s in %s (%s)", size(f.Bytes(moving)), f.Path, f.DType)
	}
	if s.journal == nil {
		return where + "; a crash loses it: the disk has no room for two"
	}
	return where + "; the same command continues after a crash"
}

// bytes estimates the memory in use during the run.
func (s *scoring) bytes(cfg *model.Config) int64 {
	if s.calib == nil {
		return 0
	}
	pass := transformer.PassBytes(cfg, s.calib.per, s.calib.info.SeqLen, s.method.Gradients(s.run))
	moving := s.moving(cfg)
	if s.scratch == nil {
		return pass + stateBytes(moving)
	}
	return pass + s.scratch.MemoryBytes(moving)
}

// startJournal identifies the run: another model, setting or kernel is another run.
func (s *scoring) startJournal(m *load.Model, manifest importance.Manifest, stderr io.Writer) *moreau.Journal {
	if s.journal == nil || !s.method.Needs.State {
		return nil
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(append(text, identity(m)...))
	s.journal.Key = hex.EncodeToString(sum[:])
	s.journal.Note = func(line string) { fmt.Fprintln(stderr, line) }
	return s.journal
}

// identity is size and time of the model's files.
func identity(m *load.Model) string {
	var s strings.Builder
	for _, f := range append(weightFiles(m), filepath.Join(m.Path, "config.json")) { // a GGUF file has none
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintf(&s, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
		}
	}
	return s.String()
}
