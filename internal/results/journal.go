package results

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"moreau/internal/eval"
	"moreau/internal/output"
)

// Journal keeps what an evaluation has measured so far, a line each, so that the same
// evaluation continues from it. A nil journal keeps nothing.
type Journal struct {
	path  string
	f     disk
	known map[place]Entry
}

// disk is what the journal does with its file.
type disk interface {
	io.WriteSeeker
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Entry is what was measured of a question, or of a chunk of a text.
type Entry struct {
	Run     int               `json:"run"` // number of the model
	Of      string            `json:"of"`  // task or text
	Index   int               `json:"index"`
	Answers []eval.Likelihood `json:"answers,omitempty"` // of a question
	Chunk   *eval.Chunk       `json:"chunk,omitempty"`
}

type place struct {
	run   int
	of    string
	index int
	chunk bool
}

func (e Entry) place() place { return place{e.Run, e.Of, e.Index, e.Chunk != nil} }

// head is a journal's first line.
type head struct {
	Format string `json:"format"`
	Key    string `json:"key"`
}

const journalFormat = "moreau-results-journal 2"

// OpenJournal opens the journal at path of the evaluation that plan describes: a results file
// that has no numbers yet. What is there of another evaluation is dropped, and so is a line that a
// crash cut short.
func OpenJournal(path string, plan File) (*Journal, error) {
	key, err := plan.key()
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, known: map[place]Entry{}}
	whole, err := j.restore(key)
	if err != nil {
		return nil, err
	}
	if j.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, &output.Error{Path: path, Err: err}
	}
	if err := errors.Join(j.f.Truncate(whole), j.end(whole)); err != nil {
		return nil, errors.Join(&output.Error{Path: path, Err: err}, j.Close())
	}
	if whole > 0 {
		return j, nil
	}
	if err := j.line(head{journalFormat, key}); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// end goes to where the next line will be.
func (j *Journal) end(at int64) error {
	_, err := j.f.Seek(at, io.SeekStart)
	return err
}

// key identifies an evaluation, whatever number of questions it asks.
func (f File) key() (string, error) {
	f.Runs = slices.Clone(f.Runs)
	for i := range f.Runs {
		tasks := slices.Clone(f.Runs[i].Tasks)
		for k := range tasks {
			tasks[k].Examples, tasks[k].Cut = nil, 0
		}
		f.Runs[i].Tasks = tasks
	}
	data, err := json.Marshal(f)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// restore reads what is known and gives the bytes of whole lines, 0 for another evaluation's.
func (j *Journal) restore(key string) (whole int64, err error) {
	data, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	first := true
	for line := range bytes.Lines(data) {
		var h head
		var e Entry
		switch {
		case !bytes.HasSuffix(line, []byte("\n")):
			return whole, nil
		case first:
			if json.Unmarshal(line, &h) != nil || h != (head{journalFormat, key}) {
				return 0, nil
			}
			first = false
		case json.Unmarshal(line, &e) != nil:
			return whole, nil
		default:
			j.known[e.place()] = e
		}
		whole += int64(len(line))
	}
	return whole, nil
}

// Answers are those of a question of run's task, if they are known.
func (j *Journal) Answers(run int, task string, index int) ([]eval.Likelihood, bool) {
	if j == nil {
		return nil, false
	}
	e, ok := j.known[place{run, task, index, false}]
	return e.Answers, ok
}

// Chunks are those of run's text that are known, from the first on.
func (j *Journal) Chunks(run int, text string) (chunks []eval.Chunk) {
	if j == nil {
		return nil
	}
	for {
		e, ok := j.known[place{run, text, len(chunks), true}]
		if !ok {
			return chunks
		}
		chunks = append(chunks, *e.Chunk)
	}
}

// Known is how many entries there are.
func (j *Journal) Known() int {
	if j == nil {
		return 0
	}
	return len(j.known)
}

// Add keeps entries and sees them onto the disk.
func (j *Journal) Add(entries ...Entry) error {
	if j == nil {
		return nil
	}
	lines := make([]any, len(entries))
	for i, e := range entries {
		j.known[e.place()] = e
		lines[i] = e
	}
	return j.line(lines...)
}

// AddChunks keeps chunks of run's text, of which from is the number of the first.
func (j *Journal) AddChunks(run int, text string, from int, chunks []eval.Chunk) error {
	var entries []Entry
	for i := range chunks {
		entries = append(entries, Entry{Run: run, Of: text, Index: from + i, Chunk: &chunks[i]})
	}
	return j.Add(entries...)
}

// line writes values, one a line.
func (j *Journal) line(values ...any) error {
	w := bufio.NewWriter(j.f)
	e := json.NewEncoder(w)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return &output.Error{Path: j.path, Err: err}
		}
	}
	if err := errors.Join(w.Flush(), j.f.Sync()); err != nil {
		return &output.Error{Path: j.path, Err: err}
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}

// Remove deletes the journal of an evaluation that is done.
func (j *Journal) Remove() {
	if j != nil {
		j.Close()
		os.Remove(j.path)
	}
}
