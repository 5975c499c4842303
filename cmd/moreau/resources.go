package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	"moreau/internal/transformer"
)

// resourceOptions bound the memory of a scoring run and say how it survives a crash.
type resourceOptions struct {
	Memory       string
	Scratch      string
	JournalEvery time.Duration
}

func (o *resourceOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Memory, "memory", "", "most memory to use, such as 16GiB: what is left over speeds the run up; the state of the envelope methods goes to a scratch file if it must")
	f.StringVar(&o.Scratch, "scratch", "", "folder for a scratch file that holds the state instead of memory")
	f.DurationVar(&o.JournalEvery, "journal-every", 30*time.Second, "least time between saves of the state, from which the same command continues after a crash; 0 saves after every step")
}

// parseBytes reads "16GiB", "500MB" or a plain number of bytes.
func parseBytes(s string) (int64, error) {
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
	return 0, usageError{fmt.Errorf("--memory %q: want a size such as 16GiB", s)}
}

// place decides where the state of the run lives: in memory, or in a scratch
// file when one is asked for or --memory leaves no room; out is the output,
// beside which scratch and state files go.
func (s *scoring) place(cfg *model.Config, out string) error {
	o := s.opts.resourceOptions
	if !s.method.Needs.State {
		o.Scratch = ""
	}
	s.scratch = o.Scratch
	output.Clean(out)
	if o.Memory != "" {
		most, err := parseBytes(o.Memory)
		if err != nil {
			return err
		}
		if resident(s.bytes(cfg)) > most && s.method.Needs.State && s.scratch == "" {
			s.scratch = filepath.Dir(out)
		}
		need := resident(s.bytes(cfg))
		if need > most {
			return usageError{fmt.Errorf("--memory %s: the run needs %s even with its state on disk; lower --rows or --seq-len, or allow more", o.Memory, size(need))}
		}
		s.keep = (most - need) * 3 / 4
		debug.SetMemoryLimit(most)
	}
	if s.scratch != "" {
		return scratchFits(s.scratch, s.scratchBytes(cfg))
	}
	// Two states exist while one replaces the other; a run that has no room for
	// them had better go on without than stop.
	if free, known := output.FreeBytes(filepath.Dir(out)); !known || free > 2*s.scratchBytes(cfg) {
		s.journal = &moreau.Journal{Path: filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-state"), Every: o.JournalEvery}
	}
	return nil
}

// scratchFits checks the folder before the work.
func scratchFits(dir string, bytes int64) error {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("--scratch %s: there is no such folder", dir)}
	}
	if free, known := output.FreeBytes(dir); known && free < bytes {
		return outputError{fmt.Errorf("%s: the scratch file takes %s, %s are free; name another folder by --scratch, or score fewer --layers", dir, size(bytes), size(free))}
	}
	return nil
}

func (s *scoring) scratchBytes(cfg *model.Config) int64 {
	return moreau.ScratchBytes(s.method.Needs.Moving(cfg, s.run.Layers))
}

// bytes estimates the memory in use during the run.
func (s *scoring) bytes(cfg *model.Config) int64 {
	if s.calib == nil {
		return 0
	}
	pass := transformer.PassBytes(cfg, s.calib.per, s.calib.info.SeqLen, true)
	if !s.method.Needs.State {
		return pass
	}
	if s.scratch == "" {
		return pass + s.scratchBytes(cfg)
	}
	var largest int64
	for _, p := range s.method.Needs.Moving(cfg, s.run.Layers) {
		largest = max(largest, int64(p.Len()))
	}
	return pass + 3*4*largest // delta, mean and the host copy of one parameter
}

// startJournal identifies the run: another model, setting or kernel is another run.
func (s *scoring) startJournal(m *load.Model, manifest importance.Manifest) *moreau.Journal {
	if s.journal == nil || !s.method.Needs.State {
		return nil
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(append(text, identity(m)...))
	s.journal.Key = hex.EncodeToString(sum[:])
	return s.journal
}

// identity is size and time of the model's files.
func identity(m *load.Model) string {
	files := []string{m.Path}
	if m.Format == load.HF {
		files, _ = filepath.Glob(filepath.Join(m.Path, "*.safetensors"))
	}
	var s strings.Builder
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintf(&s, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
		}
	}
	return s.String()
}
