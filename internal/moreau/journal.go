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
	Path  string        // of the state file, replaced atomically
	Key   string        // identifies the run: a file of another run is not used
	Every time.Duration // least time between two saves

	saved time.Time
}

// journalHead is the first line of a state file; the arrays follow, delta and
// mean of each moving parameter as float32, and the SHA-256 of all before.
type journalHead struct {
	Format string  `json:"format"`
	Key    string  `json:"key"`
	Trace  []Trace `json:"trace"` // of the steps that are done
}

const journalFormat = "moreau-state 1"

// Remove deletes the state file of a run that is done. A nil journal has none.
func (j *Journal) Remove() {
	if j != nil {
		os.Remove(j.Path)
	}
}

// save writes the state if the last save is long enough ago.
func (j *Journal) save(be backend.Backend, s Store, moving []model.Param, trace []Trace) error {
	if time.Since(j.saved) < j.Every {
		return nil
	}
	head, err := json.Marshal(journalHead{journalFormat, j.Key, trace})
	if err != nil {
		return err
	}
	err = output.File(j.Path, true, func(w io.Writer) error {
		sum := sha256.New()
		all := io.MultiWriter(w, sum)
		if _, err := all.Write(append(head, '\n')); err != nil {
			return err
		}
		if err := eachArray(s, moving, false, func(b backend.Buffer) error {
			host := make([]float32, b.Len())
			be.Download(host, b)
			_, err := all.Write(bytesOf(host))
			return err
		}); err != nil {
			return err
		}
		_, err := w.Write(sum.Sum(nil))
		return err
	})
	j.saved = time.Now()
	return err
}

// restore fills the store from the state file and returns the trace of the
// steps that are done; none when there is no whole file of this run.
func (j *Journal) restore(be backend.Backend, s Store, moving []model.Param) ([]Trace, error) {
	j.saved = time.Now()
	output.Clean(j.Path)
	f, err := os.Open(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, whole, err := j.check(f)
	if err != nil || !whole {
		return nil, err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	if _, err := r.ReadBytes('\n'); err != nil {
		return nil, err
	}
	err = eachArray(s, moving, true, func(b backend.Buffer) error {
		host := make([]float32, b.Len())
		if _, err := io.ReadFull(r, bytesOf(host)); err != nil {
			return fmt.Errorf("%s: %w; delete it to begin anew", j.Path, err)
		}
		be.Upload(b, func(part []float32, lo int) { copy(part, host[lo:]) })
		return nil
	})
	return head.Trace, err
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
