package moreau

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/output"
)

// Journal saves the state of a run after a step, so that the same run continues
// after a crash, to the same bits.
type Journal struct {
	Path    string        // of the state file, replaced atomically
	Key     string        // identifies the run: a file of another run is not used
	Every   time.Duration // least time between two saves
	Scratch string        // the kept scratch file that belongs to it, "" for none
	Note    func(string)  // takes a line for the user, may be nil

	saved time.Time
}

// journalHead is the first line of a state file. Unless they are in a kept scratch
// file, the arrays follow, delta and mean of each moving parameter as float32. The
// end is the SHA-256 of all before.
type journalHead struct {
	Format string  `json:"format"`
	Key    string  `json:"key"`
	Trace  []Trace `json:"trace"`            // of the steps that are done
	Mark   string  `json:"mark,omitempty"`   // at the start of the scratch file
	Places []int   `json:"places,omitempty"` // of delta and mean of each moving parameter in the scratch file
}

const journalFormat = "moreau-state 1"

// Remove deletes the files of a run that is done, not those of another run that was to
// go on from the same place. A nil journal has none.
func (j *Journal) Remove() {
	if j == nil {
		return
	}
	if !j.others() {
		os.Remove(j.Path)
	}
	if j.Scratch != "" {
		os.Remove(j.Scratch)
	}
}

// others says whether the state file is that of another run.
func (j *Journal) others() bool {
	f, err := os.Open(j.Path)
	if err != nil {
		return false
	}
	defer f.Close()
	line, _ := bufio.NewReader(io.LimitReader(f, 1<<24)).ReadBytes('\n')
	var head journalHead
	return json.Unmarshal(line, &head) == nil && head.Format == journalFormat && head.Key != j.Key
}

// kept is the store if its arrays outlive the process by themselves, or nil.
func kept(s Store) *scratch {
	if f, ok := s.(*scratch); ok && f.Keep {
		return f
	}
	return nil
}

// save writes the state if the last save is long enough ago.
func (j *Journal) save(be backend.Backend, s Store, moving []model.Param, trace []Trace) error {
	if time.Since(j.saved) < j.Every {
		return nil
	}
	file := kept(s)
	state := journalHead{Format: journalFormat, Key: j.Key, Trace: trace}
	if file != nil {
		var err error
		if state.Places, err = file.flush(); err != nil {
			return err
		}
		state.Mark = file.mark
	}
	head, err := json.Marshal(state)
	if err != nil {
		return err
	}
	err = output.File(j.Path, true, func(w io.Writer) error {
		sum := sha256.New()
		all := io.MultiWriter(w, sum)
		if _, err := all.Write(append(head, '\n')); err != nil {
			return err
		}
		if file == nil {
			if err := writeArrays(all, be, s, moving); err != nil {
				return err
			}
		}
		_, err := w.Write(sum.Sum(nil))
		return err
	})
	j.saved = time.Now()
	if err == nil && file != nil {
		file.commit()
	}
	return err
}

func writeArrays(w io.Writer, be backend.Backend, s Store, moving []model.Param) error {
	return eachArray(s, moving, false, func(b backend.Buffer) error {
		host := make([]float32, b.Len())
		be.Download(host, b)
		_, err := w.Write(bytesOf(host))
		return err
	})
}

// restore fills the store from the state file and returns the trace of the
// steps that are done; none when there is no whole file of this run.
func (j *Journal) restore(be backend.Backend, s Store, moving []model.Param) ([]Trace, error) {
	j.saved = time.Now()
	output.Clean(j.Path)
	file := kept(s)
	f, err := os.Open(j.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, begin(file)
	case err != nil:
		return nil, err
	}
	defer f.Close()
	head, whole, err := j.check(f)
	switch {
	case err != nil:
		return nil, err
	case whole && file != nil && file.adopt(head.Mark, head.Places):
		return head.Trace, nil
	case whole && file != nil && j.Note != nil:
		j.Note(fmt.Sprintf("%s: the scratch file of the interrupted run is gone or another's; the run begins anew", file.Path))
	}
	if !whole || file != nil || head.Places != nil {
		return nil, begin(file)
	}
	return head.Trace, readArrays(f, j.Path, be, s, moving)
}

// begin prepares a kept scratch file for a run from the first step.
func begin(file *scratch) error {
	if file == nil {
		return nil
	}
	return file.begin()
}

// readArrays reads what writeArrays wrote behind the head.
func readArrays(f *os.File, path string, be backend.Backend, s Store, moving []model.Param) error {
	r := bufio.NewReaderSize(f, 1<<20)
	if _, err := r.ReadBytes('\n'); err != nil {
		return err
	}
	return eachArray(s, moving, true, func(b backend.Buffer) error {
		host := make([]float32, b.Len())
		if _, err := io.ReadFull(r, bytesOf(host)); err != nil {
			return fmt.Errorf("%s: %w; delete it to begin anew", path, err)
		}
		be.Upload(b, func(part []float32, lo int) { copy(part, host[lo:]) })
		return nil
	})
}

// check reads the head and the checksum, and goes back to the start of the file.
func (j *Journal) check(f *os.File) (head journalHead, whole bool, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() < sha256.Size {
		return head, false, err
	}
	sum := sha256.New()
	body := bufio.NewReaderSize(io.TeeReader(io.LimitReader(f, info.Size()-sha256.Size), sum), 1<<20)
	line, _ := body.ReadBytes('\n')
	if json.Unmarshal(line, &head) != nil || head.Format != journalFormat || head.Key != j.Key {
		return head, false, nil
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return head, false, err
	}
	want := make([]byte, sha256.Size)
	if _, err := f.ReadAt(want, info.Size()-sha256.Size); err != nil {
		return head, false, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return head, bytes.Equal(want, sum.Sum(nil)), err
}

// eachArray opens every array in order; changed says that f writes to it.
func eachArray(s Store, moving []model.Param, changed bool, f func(backend.Buffer) error) error {
	for _, p := range moving {
		for _, a := range []Array{Delta, Mean} {
			b, err := s.Open(a, p)
			if err != nil {
				return err
			}
			if err := errors.Join(f(b), s.Close(a, p, b, changed)); err != nil {
				return err
			}
		}
	}
	return nil
}
