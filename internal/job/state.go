package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/tensor"
)

// StatePlan says where the envelope iteration's state lives, delta and its mean, and
// whether it outlives a crash. Its paths stand beside the output.
type StatePlan struct {
	Bytes   int64        // in memory, or at most on disk
	Scratch string       // file that holds it, "": memory
	DType   tensor.DType // between uses
	Journal string       // file from which the same run continues after a crash, "": none
	Every   time.Duration

	moving []model.Param
}

// newState plans a state in memory.
func newState(moving []model.Param, every time.Duration) *StatePlan {
	s := &StatePlan{DType: tensor.F32, Every: every, moving: moving}
	for _, p := range moving {
		s.Bytes += 2 * 4 * int64(p.Len())
	}
	return s
}

// toDisk moves the state to a scratch file in dir, that of an output. The name tells
// outputs of the same name in different folders apart.
func (s *StatePlan) toDisk(dir, out string, dtype tensor.DType) {
	folder, _ := filepath.Abs(filepath.Dir(out))
	sum := sha256.Sum256([]byte(folder))
	s.Scratch = filepath.Join(dir, fmt.Sprintf(".%s-%x.moreau-scratch", filepath.Base(out), sum[:4]))
	s.DType = dtype
	s.Bytes = s.scratchFile().Bytes(s.moving)
}

// fit checks the disk before the work. A run that has no room for continuing after a
// crash had better go on without than stop: two states exist while one replaces the
// other. A scratch file is its own second place.
func (s *StatePlan) fit(out string, freeBytes func(dir string) (int64, bool)) error {
	journal := stateJournal(out)
	if s.Scratch == "" {
		free, known := freeBytes(filepath.Dir(out))
		if !known || free > 2*s.Bytes {
			s.Journal = journal
		}
		return nil
	}
	s.Journal = journal
	return s.fitScratch(filepath.Dir(s.Scratch), freeBytes)
}

// stateJournal is what a run with a state continues from.
func stateJournal(out string) string {
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-state")
}

func (s *StatePlan) fitScratch(dir string, freeBytes func(dir string) (int64, bool)) error {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return Usage(fmt.Errorf("--scratch %s: there is no such folder", dir))
	}
	free, known := freeBytes(dir)
	if _, err := os.Stat(s.Scratch); err == nil || !known {
		return nil // that of an interrupted run has its room already
	}
	if free < s.Bytes {
		return Output(fmt.Errorf("%s: the scratch file takes %s, %s are free; name another folder by --scratch, halve it by --state bf16, or score fewer --layers", dir, Size(s.Bytes), Size(free)))
	}
	return nil
}

// scratchFile is nil for a state in memory, or none.
func (s *StatePlan) scratchFile() *moreau.ScratchFile {
	if s == nil || s.Scratch == "" {
		return nil
	}
	return &moreau.ScratchFile{Path: s.Scratch, DType: s.DType, Keep: true}
}

// journal identifies the run: another model, setting or kernel is another run.
func (s *StatePlan) journal(m *load.Model, manifest importance.Manifest, progress Progress) *moreau.Journal {
	if s == nil || s.Journal == "" {
		return nil
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(append(text, identity(m)...))
	return &moreau.Journal{Path: s.Journal, Every: s.Every, Scratch: s.Scratch, Key: hex.EncodeToString(sum[:]), Note: progress.Note}
}

// identity is size and time of the model's files.
func identity(m *load.Model) string {
	return filesIdentity(append(weightFiles(m), filepath.Join(m.Path, "config.json"))) // a GGUF file has none
}

// filesIdentity is that of files; those that are not there have none.
func filesIdentity(files []string) string {
	var s strings.Builder
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintf(&s, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
		}
	}
	return s.String()
}
